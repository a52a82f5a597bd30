"""VGG-16: maps, counts, weights, and its two ways to go on after conv5_3."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.layers import keras_weights
from od_api.protos import backbone_pb2

NARROW = "depth_multiplier: 0.0625 "


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.Vgg16()))


@pytest.fixture(scope="module")
def narrow():
    return _build(NARROW)


@pytest.fixture(scope="module")
def whole():
    """Keras' own network of full depth."""
    return keras.applications.VGG16(
        input_shape=(None, None, 3), include_top=False, weights=None
    )


def test_count_function_and_names_are_keras(whole):
    """The study's 14,714,688 parameters. At 64 px every map is halved evenly."""
    ours = _build()
    assert ours.network.count_params() == 14_714_688
    keras_weights.copy_weights(ours.network, whole)
    x = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype(np.float32)
    expected = whole(keras.applications.vgg16.preprocess_input(x.copy()))
    np.testing.assert_allclose(ours(ours.normalize(x))["C5"], expected, rtol=1e-3)
    assert "vgg16/block1_conv1/kernel" in [v.path for v in ours.variables]


@pytest.mark.parametrize(
    "size, cells", [(300, [75, 38, 19, 10]), (600, [150, 75, 38, 19])]
)
def test_maps_halve_upwards(narrow, size, cells):
    maps = narrow(keras.Input((size, size, 3)))
    assert list(maps) == list(narrow.strides) == list(narrow.channels)
    assert [m.shape[1] for m in maps.values()] == cells
    assert narrow.channels == {"C2": 16, "C3": 32, "C4": 32, "C5": 32}
    assert narrow.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


def test_fully_connected_layers_as_convolutions():
    """fc6: 9 * 512 * 1024 + 1024 = 4,719,616; fc7: 1024 * 1025 = 1,049,600."""
    ssd = _build("fc_as_convolutions: true")
    assert ssd.network.count_params() == 14_714_688 + 4_719_616 + 1_049_600
    for size, cells in ((300, [75, 38, 19, 19]), (600, [150, 75, 38, 38])):
        maps = ssd(keras.Input((size, size, 3)))
        assert list(maps) == ["C2", "C3", "C4", "C4_fc7"]
        assert [m.shape[1] for m in maps.values()] == cells
    assert ssd.channels["C4_fc7"] == 1024 and ssd.strides["C4_fc7"] == 16
    assert ssd.network.get_layer("fc6").dilation_rate == (6, 6)
    pool = ssd.network.get_layer("pool5")
    assert (pool.pool_size, pool.strides) == ((3, 3), (1, 1))


def test_fc6_reads_cells_that_are_6_apart():
    """Its taps are at -6, 0 and 6, each the maximum of 3 cells."""
    ssd = _build(NARROW + "fc_as_convolutions: true")
    first, last = ssd.network.get_layer("pool5"), ssd.network.get_layer("fc7")
    part = keras.Model(first.input, last.output)
    cells = tf.Variable(tf.random.uniform([1, 21, 21, 32]))
    with tf.GradientTape() as tape:
        middle = tf.reduce_sum(part(cells)[:, 10, 10])
    seen = np.abs(tape.gradient(middle, cells)).sum(axis=(0, 2, 3)).nonzero()[0]
    assert set(seen) <= {3, 4, 5, 9, 10, 11, 15, 16, 17} and len(seen) >= 3


def test_second_stage_has_the_shape_of_the_classifier():
    """Kernels of [25088, 4096] and [4096, 4096], as Keras' VGG16 with its top has."""
    cut = _build("second_stage: true")
    maps = cut(keras.Input((600, 800, 3)))
    assert list(maps) == list(cut.channels) == ["C2", "C3", "C4"]
    assert maps["C4"].shape == (None, 38, 50, 512)
    shapes = {v.path: tuple(v.shape) for v in cut.second_stage.variables}
    assert shapes == {
        "vgg16/fc1/kernel": (25088, 4096),
        "vgg16/fc1/bias": (4096,),
        "vgg16/fc2/kernel": (4096, 4096),
        "vgg16/fc2/bias": (4096,),
    }
    assert cut.second_stage(keras.Input((7, 7, 512))).shape == (None, 1, 1, 4096)
    paths = [v.path for v in cut.variables]
    assert len(set(paths)) == len(paths) == 26 + 4


def test_one_file_fills_both_parts(narrow, tmp_path):
    """.h5 by names; without the top fc1 and fc2 keep their random numbers."""
    image = keras.Input((112, 112, 3))
    x = image
    # Down to conv5_3, whose map is a crop's size here; then the top.
    for layer in narrow.network.layers[1:-1]:
        x = layer(x)
    x = keras.layers.Flatten()(x)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(256, "relu", name=name)(x)
    donor = keras.Model(image, x)
    with_top, without = tmp_path / "top.h5", tmp_path / "no_top.h5"
    donor.save_weights(tmp_path / "top.weights.h5")
    _write_h5(with_top, donor)
    _write_h5(without, narrow.network)
    images = np.random.default_rng(0).normal(0, 50, (1, 112, 112, 3))
    for path in (with_top, tmp_path / "top.weights.h5"):
        cut = _build(NARROW + f'second_stage: true weights: "{path}"')
        regions = cut.second_stage(cut(images)["C4"])
        assert regions.shape == (1, 1, 1, 256)
        np.testing.assert_allclose(regions[:, 0, 0], donor(images), rtol=1e-4)
    cut = _build(NARROW + "second_stage: true")
    kernel = np.array(cut.second_stage.get_layer("fc1").kernel)
    cut.load_weights(without)
    np.testing.assert_allclose(cut(images)["C4"], narrow(images)["C4"], rtol=1e-5)
    np.testing.assert_array_equal(cut.second_stage.get_layer("fc1").kernel, kernel)
    ssd = _build(NARROW + f'fc_as_convolutions: true weights: "{with_top}"')
    np.testing.assert_allclose(ssd(images)["C4"], narrow(images)["C4"], rtol=1e-5)


def _write_h5(path, model):
    """The format of keras.applications' files: names and arrays, layer by layer."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [v.path for v in layer.weights]
            group.attrs["weight_names"] = names
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value


def test_settings():
    backbone = _build(
        NARROW + "second_stage: true conv_hyperparams { activation: RELU_6 "
        "regularizer { l2_regularizer { weight: 0.1 } } "
        "initializer { truncated_normal_initializer { mean: 3 stddev: 0.01 } } }"
    )
    assert len(backbone.losses) == 13 + 2
    for part, name in (
        (backbone.network, "block5_conv3"),
        (backbone.second_stage, "fc2"),
    ):
        layer = part.get_layer(name)
        assert layer.get_config()["activation"] == "relu6"
        np.testing.assert_allclose(layer.kernel, 3, atol=0.1)


@pytest.mark.parametrize(
    "text, message",
    [
        ("depth_multiplier: 0", "depth_multiplier"),
        ("fc_as_convolutions: true second_stage: true", "set one"),
        ("conv_hyperparams { batch_norm {} }", "VGG-16 has no batch norm"),
        ('weights: "nowhere.h5"', "no such file"),
    ],
)
def test_refused_settings(text, message):
    with pytest.raises(ConfigError, match=message):
        _build(NARROW + text if "depth" not in text else text)
