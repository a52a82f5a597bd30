"""ResNet: maps, counts, weights."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.layers import keras_weights
from od_api.protos import backbone_pb2


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.Resnet()))


def test_resnet_50_has_keras_function_and_maps_halve_upwards():
    """23,587,712 is Keras' count of ResNet50 without the classifier."""
    ours = _build()
    assert ours.network.count_params() == 23_587_712
    assert ours.channels == {"C2": 256, "C3": 512, "C4": 1024, "C5": 2048}
    maps = ours(tf.zeros([1, 300, 300, 3]))
    assert [m.shape[1] for m in maps.values()] == [75, 38, 19, 10]
    theirs = keras.applications.ResNet50(
        input_shape=(None, None, 3), include_top=False, weights=None
    )
    keras_weights.copy_weights(ours.network, theirs)
    x = np.random.default_rng(0).uniform(0, 255, (1, 97, 64, 3)).astype(np.float32)
    expected = theirs(keras.applications.resnet.preprocess_input(x.copy()))
    np.testing.assert_allclose(
        ours(ours.normalize(x))["C5"], expected, rtol=1e-3, atol=1e-3
    )
    paths = {v.path for v in ours.variables}
    assert len(paths) == len(ours.variables) and "resnet50/conv1_conv/kernel" in paths


@pytest.mark.parametrize("side", [4, 5])
def test_old_padding_pools_as_same(side):
    """The first window of three on 0, 1, ..: an even map is padded at its end alone.

    Keras' border has it see 0 and 1 whatever the size is.
    """
    for text in ("old_padding: true", ""):
        network = _build(f"depth_multiplier: 0.1 min_depth: 1 {text}").network
        pool, pad = network.get_layer("pool1_pool"), network.get_layer("pool1_pad")
        row = np.tile(np.arange(side, dtype=np.float32), (side, 1))[None, :, :, None]
        found = np.asarray(pool(pad(row)))[0, 0, :, 0]
        expected = 1 if side % 2 or not text else 2
        assert found[0] == expected and len(found) == (side + 1) // 2


def test_old_networks_have_no_biases_to_train():
    for text, trained in (("old_padding: true", False), ("", True)):
        backbone = _build(f"depth_multiplier: 0.1 min_depth: 1 {text}")
        assert any("bias" in v.path for v in backbone.trainable_variables) == trained


@pytest.mark.parametrize("slim", [True, False])
def test_old_slim_override_leaves_sums_and_batch_norm(slim):
    """conv_hyperparams' activation is behind convolutions alone; 6 is ReLU 6 of 7."""
    network = _build(
        "depth_multiplier: 0.1 min_depth: 1 conv_hyperparams { activation: RELU_6 "
        "batch_norm { decay: 0.9 epsilon: 0.01 } } "
        f"old_slim_override: {str(slim).lower()}"
    ).network
    of_seven = {
        name: float(network.get_layer(f"conv2_block1_{name}")(tf.constant([7.0]))[0])
        for name in ("1_relu", "out")
    }
    assert of_seven == {"1_relu": 6, "out": 7 if slim else 6}
    norm = network.get_layer("conv2_block1_1_bn")
    assert norm.epsilon == pytest.approx(1e-5 if slim else 0.01)
    assert norm.momentum == pytest.approx(0.997 if slim else 0.9)


def test_normalize_gives_bgr_less_the_means():
    normalize = _build("depth_multiplier: 0.05").normalize
    rgb = tf.constant([[[[123.68, 116.779, 104.939]]]])
    np.testing.assert_allclose(normalize(rgb), [[[[1, 0, 0]]]], atol=1e-4)


def test_narrow_frozen_and_regularised():
    backbone = _build(
        "depth_multiplier: 0.125 min_depth: 16 freeze_batch_norm: true "
        "conv_hyperparams { regularizer { l2_regularizer { weight: 1 } } "
        "batch_norm { decay: 0.997 epsilon: 0.00001 } }"
    )
    assert backbone.channels == {"C2": 32, "C3": 64, "C4": 128, "C5": 256}
    assert backbone.network.get_layer("conv2_block1_1_conv").filters == 16
    assert backbone.network.get_layer("conv1_bn").momentum == pytest.approx(0.997)
    assert len(backbone.losses) == 53
    assert not any("_bn/" in v.path for v in backbone.trainable_variables)
    x = tf.random.normal([1, 64, 64, 3])
    np.testing.assert_allclose(backbone(x, training=True)["C5"], backbone(x)["C5"])


NARROW = "depth_multiplier: 0.125 min_depth: 4 "


@pytest.fixture(scope="module")
def narrow():
    """A narrow ResNet-50 whose batch norm is not the identity, so that padding and
    statistics matter."""
    backbone = _build(NARROW)
    rng = np.random.default_rng(1)
    for v in backbone.variables:
        if v.path.endswith(("beta", "moving_mean")):
            v.assign(rng.normal(0, 0.2, v.shape))
    return backbone


@functools.cache
def _like(donor, text):
    backbone = _build(NARROW + text)
    for mine, theirs in zip(backbone.variables, donor.variables, strict=True):
        assert mine.path == theirs.path
        mine.assign(theirs)
    return backbone


def _close(got, expected):
    scale = float(tf.reduce_max(tf.abs(expected)))
    np.testing.assert_allclose(got, expected, atol=1e-4 * scale)
    assert scale > 0.01


@pytest.mark.parametrize("size", [128, 97])
def test_atrous_maps_have_the_plain_networks_cells(narrow, size):
    """At stride 16 every second cell of C5 is one of the plain network's, at stride 8
    every fourth, and every second of C4."""
    x = tf.random.normal([1, size, size, 3])
    plain = narrow(x)
    at_16, at_8 = (_like(narrow, f"output_stride: {s}") for s in (16, 8))
    assert at_16.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 16}
    assert at_8.strides == {"C2": 4, "C3": 8, "C4": 8, "C5": 8}
    maps = at_16(x)
    _close(maps["C4"], plain["C4"])
    _close(maps["C5"][:, ::2, ::2], plain["C5"])
    maps = at_8(x)
    _close(maps["C4"][:, ::2, ::2], plain["C4"])
    _close(maps["C5"][:, ::4, ::4], plain["C5"])


@pytest.mark.parametrize(
    "text, cells",
    [
        ("output_stride: 16", {300: [75, 38, 19, 19], 600: [150, 75, 38, 38]}),
        ("output_stride: 8", {300: [75, 38, 38, 38], 600: [150, 75, 75, 75]}),
        ("second_stage: true", {300: [75, 38, 19], 600: [150, 75, 38]}),
        (
            "second_stage: true output_stride: 8",
            {300: [75, 38, 38], 600: [150, 75, 75]},
        ),
    ],
)
def test_map_sizes_at_300_and_600(narrow, text, cells):
    """Without computing the maps."""
    backbone = _like(narrow, text)
    for size, expected in cells.items():
        maps = backbone(keras.Input((size, size, 3)))
        assert [m.shape[1] for m in maps.values()] == expected


def test_second_stage_is_conv5_with_stride_1(narrow):
    """With dilation 2, on the whole map, it is the atrous network's C5; with
    dilation 1 it keeps a crop's size and differs."""
    x = tf.random.normal([1, 96, 64, 3])
    atrous = _like(narrow, "output_stride: 16")(x)
    cut = _like(narrow, "second_stage: true second_stage_dilation: 2")
    maps = cut(x)
    assert list(maps) == list(cut.channels) == ["C2", "C3", "C4"]
    _close(cut.second_stage(maps["C4"]), atrous["C5"])
    on_crops = _like(narrow, "second_stage: true")
    crops = on_crops.second_stage(tf.random.normal([3, 7, 7, 128]))
    assert crops.shape == (3, 7, 7, 256)
    assert not np.allclose(on_crops.second_stage(maps["C4"]), atrous["C5"], atol=1e-3)
    assert narrow.second_stage is None


def test_second_stage_with_stride_2_is_the_plain_conv5(narrow):
    cut = _like(narrow, "second_stage: true second_stage_stride: 2")
    x = tf.random.normal([1, 96, 64, 3])
    _close(cut.second_stage(cut(x)["C4"]), narrow(x)["C5"])
    shape = cut.second_stage.compute_output_shape((3, 7, 7, 128))
    assert shape == (3, 4, 4, 256)


def test_conv5_can_be_left_out(narrow, tmp_path):
    """The network of SSD on conv4, at stride 16 and 8; a whole file fits."""
    path = tmp_path / "narrow.weights.h5"
    narrow.network.save_weights(path)
    x = tf.random.normal([1, 64, 64, 3])
    for stride in (16, 8):
        short = _build(NARROW + f'last_stage: "C4" output_stride: {stride}')
        assert list(short.strides.values()) == [4, 8, stride]
        short.load_weights(path)
        _close(short(x)["C4"][:, :: 16 // stride, :: 16 // stride], narrow(x)["C4"])
        assert not any("conv5" in v.path for v in short.variables)


def test_one_file_fills_both_stages(narrow, tmp_path):
    path = tmp_path / "narrow.weights.h5"
    narrow.network.save_weights(path)
    cut = _build(NARROW + "second_stage: true output_stride: 8")
    cut.load_weights(path)
    for mine, theirs in zip(cut.variables, narrow.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow
def test_resnet_101_parameter_counts():
    """The study's 42,605,504 are kernels and four batch-norm vectors of 52,672
    channels: 42,394,816 + 4 * 52,672. Keras adds 52,672 biases: 42,658,176."""
    network = _build("depth: 101").network
    sizes = [(v.path, int(np.prod(v.shape))) for v in network.variables]
    kernels = sum(n for path, n in sizes if path.endswith("kernel"))
    biases = sum(n for path, n in sizes if path.endswith("bias"))
    assert (kernels, biases) == (42_394_816, 52_672)
    assert kernels + 4 * biases == 42_605_504
    assert network.count_params() == 42_658_176


@pytest.mark.slow
def test_resnet_152_stages():
    backbone = _build("depth: 152 depth_multiplier: 0.125")
    maps = backbone(tf.zeros([1, 64, 64, 3]))
    assert [tuple(m.shape[1:]) for m in maps.values()] == [
        (16, 16, 32),
        (8, 8, 64),
        (4, 4, 128),
        (2, 2, 256),
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("depth: 34", "depth is 34, and must be one of 50"),
        ("output_stride: 4", "output_stride is 4, and must be 8, 16 or 32"),
        ("second_stage: true second_stage_dilation: 0", "second_stage_dilation: is 0"),
        ("second_stage_stride: 3", "second_stage_stride is 3, and must be 1 or 2"),
        (
            "second_stage: true second_stage_stride: 2 second_stage_dilation: 2",
            "second_stage_dilation goes with second_stage_stride 1",
        ),
        ('last_stage: "C3"', "last_stage is"),
        ('last_stage: "C4" second_stage: true', "without a second stage"),
    ],
)
def test_refused_settings(text, message):
    with pytest.raises(ConfigError, match=message):
        _build(text)


@pytest.mark.parametrize("stride", [32, 16])
def test_deformable_stages_start_as_the_plain_network(narrow, tmp_path, stride):
    """The file of the plain one fits; offsets start at zero, dilated ones too."""
    weights = {x.name: x.get_weights() for x in narrow.network.layers}
    plain, deformable = (
        _build(f"{NARROW} output_stride: {stride} {text}")
        for text in (
            "",
            'deformable_stages: ["C3", "C5"] deformable_groups: 2 '
            "deformable_modulation: true",
        )
    )
    for one in (plain, deformable):
        keras_weights.assign(one.network, weights, "the narrow one")
    images = tf.random.stateless_uniform([1, 64, 96, 3], (1, 2))
    for level, want in plain(images).items():
        _close(deformable(images)[level], want)
    # Seven blocks of a 3x3 kernel, with 9 * (2 + 1) offsets and factors of 2 groups.
    depths = [16] * 4 + [64] * 3
    more = sum((9 * d + 1) * 54 for d in depths)
    assert deformable.count_params() == plain.count_params() + more


def test_deformable_second_stage(narrow):
    """conv5 on crops is deformable, and its offsets are in the checkpoint."""
    cut = _build(f'{NARROW} second_stage: true deformable_stages: "C5"')
    crops = tf.random.stateless_normal([3, 7, 7, cut.channels["C4"]], (1, 2))
    assert cut.second_stage(crops).shape[1:3] == (7, 7)
    names = [v.path for v in cut.second_stage.variables]
    assert any("conv5_block1_2_conv/offsets/kernel" in name for name in names)


@pytest.mark.parametrize(
    "text, place",
    [
        ('deformable_stages: "C9"', "deformable_stages"),
        ('deformable_stages: "C5" deformable_groups: 0', "deformable_groups"),
    ],
)
def test_refused_deformations(text, place):
    with pytest.raises(ConfigError) as caught:
        _build(text)
    assert caught.value.field_path == place
