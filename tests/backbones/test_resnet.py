"""ResNet: maps, counts, weights."""

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


def test_unknown_depth():
    with pytest.raises(ConfigError, match="depth is 34, and must be one of 50"):
        _build("depth: 34")
