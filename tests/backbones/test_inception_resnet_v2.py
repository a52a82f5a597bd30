"""Inception-ResNet v2: Keras' function under "same" padding, atrous maps, the split."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.backbones import inception_resnet_v2
from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import backbone_pb2

NARROW = "depth_multiplier: 0.125 min_depth: 4 "


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.InceptionResnetV2()))


def _shake(network):
    """Batch norm gets statistics and offsets that are not the initial ones."""
    rng = np.random.default_rng(0)
    for variable in network.variables:
        if "batch_normalization" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))


def _mixed_7a(first, last):
    """[B, h, w, C4] -> the first module of the last stage, which `last` has."""
    cut = first.get_layer("block17_20_ac").output
    return keras.Model(cut, last.get_layer("mixed_7a").output)


@pytest.fixture(scope="module", autouse=True)
def one_original():
    """Keras' network is made once; every backbone is rebuilt from it."""
    with pytest.MonkeyPatch.context() as patch:
        cached = functools.cache(inception_resnet_v2._keras_model)
        patch.setattr(inception_resnet_v2, "_keras_model", cached)
        yield


@pytest.fixture(scope="module")
def narrow():
    backbone = _build(NARROW)
    _shake(backbone)
    return backbone


@pytest.fixture(scope="module")
def file(narrow, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "narrow.weights.h5"
    narrow.network.save_weights(path)
    return path


@pytest.fixture(scope="module")
def images():
    """Stride 8: 18 x 15 cells; stride 16: 9 x 8; stride 32: 5 x 4."""
    return tf.random.stateless_uniform([1, 140, 116, 3], [1, 2], -1, 1)


@pytest.mark.slow
def test_full_network_has_keras_function_under_same_padding(tmp_path):
    """54,336,736 parameters as in the study. The donor's own layers, told to pad, are
    an oracle for the order of the weights and for the settings."""
    donor = inception_resnet_v2._keras_model(None, (None, None, 3))
    _shake(donor)
    path = tmp_path / "donor.h5"
    donor.save(path)
    full = _build(f'weights: "{path}"')
    assert full.network.count_params() == donor.count_params() == 54_336_736
    assert full.channels == {"C2": 192, "C3": 320, "C4": 1088, "C5": 1536}
    for size, cells in ((300, [75, 38, 19, 10]), (600, [150, 75, 38, 19])):
        shapes = full.network.compute_output_shape((1, size, size, 3))
        assert [shape[1:3] for shape in shapes] == [(c, c) for c in cells]
    padded = [x for x in donor.layers if getattr(x, "padding", "") == "valid"]
    for layer in padded:
        layer.padding = "same"
    images = tf.random.stateless_uniform([1, 83, 76, 3], [1, 2], -1, 1)
    expected = donor(images)
    for layer in padded:
        layer.padding = "valid"
    assert len(padded) == 13
    np.testing.assert_allclose(full(images)["C5"], expected, rtol=1e-3, atol=1e-3)
    assert float(tf.math.reduce_std(expected)) > 0.01


def test_stages(narrow):
    """An eighth of 320, 320 + 2 * 384 and 1536; residual branches fit what they are
    added to."""
    assert narrow.channels == {"C2": 24, "C3": 40, "C4": 136, "C5": 192}
    assert narrow.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert narrow.second_stage is None
    for size, cells in ((300, [75, 38, 19, 10]), (600, [150, 75, 38, 19])):
        shapes = narrow.network.compute_output_shape((1, size, size, 3))
        assert [shape[1:3] for shape in shapes] == [(c, c) for c in cells]
    paths = [v.path for v in narrow.variables]
    assert len(set(paths)) == len(paths) == 896
    assert paths[0] == "inception_resnet_v2/conv2d/kernel"
    assert "inception_resnet_v2/block8_10_conv/bias" in paths


def test_atrous_maps_hold_the_plain_ones(narrow, file, images):
    """A "same" reduction centres cell i of an even map at 2 i + 1, of an odd one at
    2 i. Rows 18 -> 9 -> 5: every second row from 1, then every second of these from 0;
    columns 15 -> 8 -> 4: from 0, then from 1."""
    plain = narrow(images)
    at_16 = _build(f'{NARROW} output_stride: 16 weights: "{file}"')
    at_8 = _build(f'{NARROW} output_stride: 8 weights: "{file}"')
    assert at_16.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 16}
    assert at_8.strides == {"C2": 4, "C3": 8, "C4": 8, "C5": 8}
    maps = at_16(images)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    close(maps["C4"], plain["C4"])
    assert maps["C5"].shape == (1, 9, 8, 192)
    close(maps["C5"][:, ::2, 1::2], plain["C5"])
    maps = at_8(images)
    assert maps["C4"].shape == (1, 18, 15, 136)
    close(maps["C4"][:, 1::2, ::2], plain["C4"])
    assert maps["C5"].shape == (1, 18, 15, 192)
    close(maps["C5"][:, 1::4, 2::4], plain["C5"])
    assert float(tf.math.reduce_std(plain["C5"])) > 1e-3


def test_second_stage_of_atrous_proposals(narrow, file, images):
    """C4 has stride 8; crops of it run through the plain rest, Mixed_7a without
    padding: 16 -> 7 where the padded one has 8, equal up to the missing border."""
    parts = _build(
        f'{NARROW} second_stage: true output_stride: 8 weights: "{file}" '
        "freeze_batch_norm: true conv_hyperparams { regularizer { l2_regularizer { "
        "weight: 1 } } batch_norm { decay: 0.9 } }"
    )
    assert parts.strides == {"C2": 4, "C3": 8, "C4": 8}
    assert len(parts.variables) == 896
    first = parts(images)
    np.testing.assert_allclose(
        first["C4"][:, 1::2, ::2], narrow(images)["C4"], rtol=1e-4, atol=1e-5
    )
    shape = parts.second_stage.compute_output_shape((5, 17, 17, 136))
    assert shape == (5, 8, 8, 192)
    crops = tf.random.stateless_uniform([2, 16, 16, 136], [3, 4])
    padded = _mixed_7a(narrow.network, narrow.network)(crops)
    ours = _mixed_7a(parts.network, parts.second_stage)(crops)
    np.testing.assert_allclose(ours, padded[:, :7, :7], atol=1e-5)
    _check_training(parts, crops)


def test_second_stage_with_padding_halves_upwards():
    parts = _build(f"{NARROW} second_stage: true second_stage_same_padding: true")
    shape = parts.second_stage.compute_output_shape((5, 17, 17, 136))
    assert shape == (5, 9, 9, 192)


def _check_training(parts, crops):
    """Regularised kernels, frozen batch norm, finite gradients of both parts."""
    norm = parts.second_stage.get_layer("conv_7b_bn")
    assert norm.momentum == pytest.approx(0.9) and not norm.scale
    variables = parts.trainable_variables
    kernels = [v for v in variables if v.path.endswith("kernel")]
    assert len(parts.losses) == len(kernels) == 244
    assert len(variables) == 244 + 40
    images = tf.random.stateless_uniform([1, 64, 64, 3], [5, 6], -1, 1)
    with tf.GradientTape() as tape:
        maps = parts(images, training=True)
        outputs = parts.second_stage(crops, training=True)
        total = tf.reduce_sum(outputs**2) + tf.reduce_sum(maps["C4"] ** 2)
    np.testing.assert_allclose(outputs, parts.second_stage(crops), rtol=1e-3, atol=1e-5)
    for gradient in tape.gradient(total, variables):
        assert np.isfinite(gradient).all()


def test_refused_settings_and_normalize(narrow):
    with pytest.raises(ConfigError, match="output_stride is 4, and not 8"):
        _build("output_stride: 4")
    with pytest.raises(ConfigError, match="depth_multiplier"):
        _build("depth_multiplier: 0")
    pixels = tf.constant([[[[0, 127.5, 255]]]])
    np.testing.assert_allclose(narrow.normalize(pixels), [[[[-1, 0, 1]]]], atol=1e-6)
