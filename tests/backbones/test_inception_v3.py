"""Inception v3: Keras' function under "same" padding, the split, settings."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError, UserError
from od_api.protos import backbone_pb2

NARROW = "depth_multiplier: 0.125 min_depth: 4 "


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.InceptionV3()))


def _shake(network):
    """Batch norm gets statistics and offsets that are not the initial ones."""
    rng = np.random.default_rng(0)
    for variable in network.variables:
        if "batch_normalization" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))


@pytest.fixture(scope="module")
def donor():
    keras.layers.Conv2D(1, 1)  # takes the name conv2d, if it is still free
    network = keras.applications.InceptionV3(
        input_shape=(None, None, 3), include_top=False, weights=None
    )
    _shake(network)
    return network


@pytest.fixture(scope="module")
def file(donor, tmp_path_factory):
    """An .h5 file as Keras publishes them, with the names of some process."""
    assert donor.layers[1].name != "conv2d"
    path = tmp_path_factory.mktemp("weights") / "donor.h5"
    donor.save(path)
    return path


@pytest.fixture(scope="module")
def full(file):
    return _build(f'weights: "{file}"')


@pytest.fixture(scope="module")
def narrow():
    backbone = _build(NARROW)
    _shake(backbone)
    return backbone


def test_parameter_count_of_the_study(full, donor):
    assert full.network.count_params() == donor.count_params() == 21_802_784
    assert full.channels == {"C2": 192, "C3": 288, "C4": 768, "C5": 2048}
    assert full.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@pytest.mark.parametrize(
    "size, cells", [(300, [75, 38, 19, 10]), (600, [150, 75, 38, 19])]
)
def test_maps_halve_upwards(full, size, cells):
    shapes = full.network.compute_output_shape((2, size, size, 3))
    assert [shape[1:3] for shape in shapes] == [(c, c) for c in cells]


def test_names_do_not_count_up_in_a_process(full, narrow):
    """The second network of a process has the names of the first one."""
    paths = [v.path for v in full.variables]
    assert paths == [v.path for v in narrow.variables]
    assert len(set(paths)) == len(paths) == 376
    assert paths[0] == "inception_v3/conv2d/kernel"
    assert {"inception_v3/conv2d_93/kernel"} < set(paths)


def test_function_is_keras_with_same_padding(full, donor):
    """The donor's own layers, told to pad: an oracle for order and settings."""
    padded = [x for x in donor.layers if getattr(x, "padding", "") == "valid"]
    assert len(padded) == 12
    for layer in padded:
        layer.padding = "same"
    images = tf.random.stateless_uniform([1, 83, 76, 3], [1, 2], -1, 1)
    expected = donor(images)
    for layer in padded:
        layer.padding = "valid"
    np.testing.assert_allclose(full(images)["C5"], expected, rtol=1e-3, atol=1e-3)
    assert float(tf.math.reduce_std(expected)) > 0.1


def test_second_stage_coincides_away_from_the_border(narrow, tmp_path):
    """Without padding 16 -> 7 instead of 8: Mixed_7a loses its last row and column, and
    the four cells that Mixed_7b and 7c look over spread that inwards: 8 - 1 - 4 = 3."""
    path = tmp_path / "narrow.weights.h5"
    narrow.network.save_weights(path)
    parts = _build(f'{NARROW} second_stage: true weights: "{path}"')
    assert list(parts.channels) == ["C2", "C3", "C4"] and narrow.second_stage is None
    assert len(parts.variables) == 376
    images = tf.random.stateless_uniform([1, 256, 256, 3], [3, 4], -1, 1)
    whole, first = narrow(images), parts(images)
    for name, maps in first.items():
        np.testing.assert_allclose(maps, whole[name], atol=1e-5)
    last = parts.second_stage(first["C4"], training=False)
    assert last.shape[1:3] == (7, 7)
    np.testing.assert_allclose(last[:, :3, :3], whole["C5"][:, :3, :3], atol=1e-5)
    assert not np.allclose(last[:, 6, 6], whole["C5"][:, 6, 6], atol=1e-3)
    crops = parts.second_stage.compute_output_shape((5, 17, 17, parts.channels["C4"]))
    assert crops == (5, 8, 8, narrow.channels["C5"])


def test_settings_reach_every_layer_and_gradients_are_finite():
    backbone = _build(
        f"{NARROW} freeze_batch_norm: true second_stage: true conv_hyperparams {{ "
        "activation: RELU_6 regularizer { l2_regularizer { weight: 1 } } "
        "batch_norm { decay: 0.9 } }"
    )
    norm = backbone.second_stage.get_layer("batch_normalization_93")
    assert norm.momentum == pytest.approx(0.9) and not norm.scale
    assert norm.epsilon == pytest.approx(1e-3)
    activation = backbone.network.get_layer("activation_4").get_config()
    assert activation["activation"] == "relu6"
    kernels = backbone.trainable_variables
    assert len(backbone.losses) == len(kernels) == 94
    assert all(v.path.endswith("kernel") for v in kernels)
    images = tf.random.stateless_uniform([1, 96, 96, 3], [5, 6], -1, 1)
    with tf.GradientTape() as tape:
        maps = backbone(images, training=True)
        outputs = backbone.second_stage(maps["C4"], training=True)
        total = tf.reduce_sum(outputs**2)
    expected = backbone.second_stage(backbone(images)["C4"])
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-5)
    for gradient in tape.gradient(total, kernels):
        assert np.isfinite(gradient).all()


def test_weights_of_another_width_and_normalize(narrow, file):
    with pytest.raises(UserError, match="conv2d has shapes"):
        narrow.load_weights(file)
    pixels = tf.constant([[[[0, 127.5, 255]]]])
    np.testing.assert_allclose(narrow.normalize(pixels), [[[[-1, 0, 1]]]], atol=1e-6)
    with pytest.raises(ConfigError, match="depth_multiplier"):
        _build("depth_multiplier: 0")
