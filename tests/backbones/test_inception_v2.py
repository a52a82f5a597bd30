"""Inception v2: topology, counts, the split, settings."""

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
    return registry.build(text_format.Parse(text, backbone_pb2.InceptionV2()))


@pytest.fixture(scope="module")
def full():
    return _build()


@pytest.fixture(scope="module")
def narrow():
    """With statistics and offsets of batch norm that are not the initial ones."""
    backbone = _build(NARROW)
    rng = np.random.default_rng(0)
    for variable in backbone.variables:
        if "BatchNorm" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return backbone


def _sizes(backbone, *ends):
    """Numbers of all variables whose path ends so."""
    return sum(
        int(np.prod(v.shape)) for v in backbone.variables if v.path.endswith(ends)
    )


def test_parameter_count_of_the_study(full):
    """10,143,384 kernels, 64 biases of the stem, 9,888 channels with three batch-norm
    vectors each: 10,143,384 + 64 + 29,664 = 10,173,112. The stem's kernels are
    7 * 7 * 3 * 8 + 24 * 64 = 2,712 of them."""
    assert _sizes(full, "kernel") == 10_143_384
    assert _sizes(full, "bias") == 64
    for vector in ("beta", "moving_mean", "moving_variance"):
        assert _sizes(full, vector) == 9_888
    assert full.network.count_params() == 10_173_112
    stem = full.network.get_layer("Conv2d_1a_7x7")
    assert [tuple(w.shape) for w in stem.weights] == [
        (7, 7, 3, 8),
        (1, 1, 24, 64),
        (64,),
    ]


def test_stages_and_depths_of_every_module(full):
    assert full.channels == {
        "C2": 192,
        "C3": 320,
        "C4_mixed_4c": 576,
        "C4": 576,
        "C5": 1024,
    }
    depths = {"3b": 256, "4a": 576, "4b": 576, "4d": 576, "5a": 1024, "5b": 1024}
    for module, depth in depths.items():
        assert full.network.get_layer(f"Mixed_{module}").output.shape[-1] == depth
    pools = [x.name for x in full.network.layers if "Pool" in x.name]
    averages = [f"Mixed_{m}_Branch_3_AvgPool_0a_3x3" for m in ("3b", "4e", "5b")]
    assert set(averages) < set(pools) and len(pools) == 12
    assert "Mixed_5c_Branch_3_MaxPool_0a_3x3" in pools


@pytest.mark.parametrize(
    "size, cells",
    [
        (300, [75, 38, 19, 19, 10]),
        (600, [150, 75, 38, 38, 19]),
        (224, [56, 28, 14, 14, 7]),
    ],
)
def test_maps_halve_upwards(full, size, cells):
    shapes = full.network.compute_output_shape((2, size, size, 3))
    assert [shape[1:3] for shape in shapes] == [(c, c) for c in cells]
    strides = full.strides
    assert list(strides.values()) == [4, 8, 16, 16, 32]
    assert cells == [-(-size // s) for s in strides.values()]


def test_names_are_the_published_scopes(full):
    paths = [v.path for v in full.variables]
    assert len(set(paths)) == len(paths) == 275
    for path in (
        "Conv2d_1a_7x7/bias",
        "Mixed_3b_Branch_0_Conv2d_0a_1x1/kernel",
        "Mixed_5a_Branch_1_Conv2d_1a_3x3/kernel",
        "Mixed_5c_Branch_2_Conv2d_0c_3x3_BatchNorm/moving_variance",
    ):
        assert f"inception_v2/{path}" in paths
    assert not any(path.endswith("gamma") for path in paths)


def test_parts_from_a_file_are_the_whole(narrow, tmp_path):
    """Both padded "same", so the second stage on all of C4 gives C5 everywhere."""
    path = tmp_path / "narrow.weights.h5"
    narrow.network.save_weights(path)
    parts = _build(f'{NARROW} second_stage: true weights: "{path}"')
    assert list(parts.strides) == ["C2", "C3", "C4_mixed_4c", "C4"]
    assert len(parts.variables) == 275 and narrow.second_stage is None
    images = tf.random.stateless_normal([1, 84, 65, 3], seed=[1, 2])
    whole, first = narrow(images), parts(images)
    for name, maps in first.items():
        np.testing.assert_allclose(maps, whole[name], atol=1e-5)
    last = parts.second_stage(first["C4"], training=False)
    np.testing.assert_allclose(last, whole["C5"], atol=1e-5)
    channels = parts.channels["C4"]
    crops = parts.second_stage.compute_output_shape((5, 14, 14, channels))
    assert crops == (5, 7, 7, narrow.channels["C5"])


def test_old_h5_file_by_the_names_of_the_layers(narrow, full, tmp_path):
    path = tmp_path / "narrow.h5"
    narrow.network.save(path)
    before = [v.numpy() for v in narrow.variables]
    for variable in narrow.variables:
        variable.assign(tf.zeros(variable.shape))
    narrow.load_weights(path)
    for got, want in zip(narrow.variables, before, strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(UserError, match="Conv2d_1a_7x7 has shapes"):
        full.load_weights(path)


def test_weights_of_another_network_and_none_of_imagenet(narrow, data_dir):
    with pytest.raises(ConfigError, match=r"weights: .*no ImageNet weights"):
        _build('depth_multiplier: 0.05 weights: "imagenet"')
    file = data_dir / "weights_imagenet/mobilenet_7_5_224_tf_no_top.h5"
    with pytest.raises(UserError, match="those of another network"):
        narrow.load_weights(file)


def test_settings_reach_every_layer_and_gradients_are_finite():
    """1 stem of two kernels and 68 convolutions have a regulariser; the ReLU's and
    batch norm's own arguments change only where they were set."""
    backbone = _build(
        f"{NARROW} freeze_batch_norm: true second_stage: true conv_hyperparams {{ "
        "activation: RELU_6 regularizer { l2_regularizer { weight: 1 } } "
        "batch_norm { decay: 0.9 scale: true } }"
    )
    norm = backbone.second_stage.get_layer("Mixed_5c_Branch_0_Conv2d_0a_1x1_BatchNorm")
    assert norm.momentum == pytest.approx(0.9) and norm.scale
    assert norm.epsilon == pytest.approx(1e-3)
    assert len(backbone.losses) == 70
    assert not any("BatchNorm" in v.path for v in backbone.trainable_variables)
    assert len(backbone.trainable_variables) == 71
    activation = backbone.network.get_layer("Conv2d_1a_7x7_Relu").get_config()
    assert activation["activation"] == "relu6"
    images = tf.random.stateless_normal([1, 64, 64, 3], seed=[3, 4])
    with tf.GradientTape() as tape:
        maps = backbone(images, training=True)
        outputs = backbone.second_stage(maps["C4"], training=True)
        total = tf.reduce_sum(outputs**2)
    expected = backbone.second_stage(backbone(images)["C4"])
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-5)
    for gradient in tape.gradient(total, backbone.trainable_variables):
        assert np.isfinite(gradient).all()


def test_normalize_maps_pixels_to_minus_one_to_one(narrow):
    pixels = tf.constant([[[[0, 127.5, 255]]]])
    np.testing.assert_allclose(narrow.normalize(pixels), [[[[-1, 0, 1]]]], atol=1e-6)


def test_other_depths(narrow):
    """Depths are rounded down and at least min_depth: 64 / 8 = 8, 192 / 8 = 24; the
    stem's 8 channels take 8 // 3 = 2 from each colour."""
    stem = narrow.network.get_layer("Conv2d_1a_7x7")
    assert (stem.filters, stem.depth_multiplier) == (8, 2)
    assert narrow.channels["C2"] == 24 and narrow.channels["C5"] == 128
    assert isinstance(stem, keras.layers.SeparableConv2D)
    with pytest.raises(ConfigError, match="depth_multiplier"):
        _build("depth_multiplier: 0")
