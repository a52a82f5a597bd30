"""MobileNet v3: counts, maps, Keras' function, the halved top."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.backbones import mobilenet_v3
from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.layers import keras_weights
from od_api.protos import backbone_pb2

SMALL = 'size: "small" '


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.MobilenetV3()))


@pytest.fixture(scope="module")
def small():
    return _build(SMALL)


def test_small_is_keras_function(small):
    """939,120 parameters is Keras' own count without the classifier."""
    theirs = mobilenet_v3._keras_model(("small", 1.0, False), None, (None, None, 3))
    assert small.network.count_params() == theirs.count_params() == 939_120
    keras_weights.copy_weights(small.network, theirs)
    x = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    ours, expected = small(small.normalize(x))["C5"], theirs(x / 127.5 - 1)
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(ours / scale, expected / scale, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "cells"),
    [(300, [75, 38, 19, 19, 10]), (64, [16, 8, 4, 4, 2]), (3, [1, 1, 1, 1, 1])],
)
def test_maps_halve_upwards(small, size, cells):
    shapes = small.network.compute_output_shape((1, size, size, 3))
    assert [shape[1] for shape in shapes] == cells
    assert [shape[-1] for shape in shapes] == list(small.channels.values())
    assert list(small.strides.values()) == [4, 8, 16, 16, 32]


def test_paths_and_gradients(small):
    paths = [v.path for v in small.variables]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("mobilenet_v3_small/") for path in paths)
    with tf.GradientTape() as tape:
        maps = small(tf.random.normal([2, 33, 33, 3]), training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    gradients = tape.gradient(loss, [v.value for v in small.trainable_variables])
    assert all(np.isfinite(g).all() for g in gradients)


def test_large():
    """Keras' own count."""
    backbone = _build()
    assert backbone.network.count_params() == 2_996_352
    assert list(backbone.channels.values()) == [24, 40, 112, 672, 960]


@pytest.mark.parametrize(
    ("text", "parameters", "channels"),
    [
        (SMALL + "halved_top: true", 447_648, [16, 24, 48, 288, 288]),
        (SMALL + "minimalistic: true", 441_000, [16, 24, 48, 288, 576]),
        (
            SMALL + "depth_multiplier: 0.35 min_depth: 16",
            140_864,
            [16, 16, 16, 96, 192],
        ),
    ],
)
def test_variants(text, parameters, channels):
    """Halved: blocks of 48, which expand sixfold to 288; minimalistic: Keras' count.

    At .35 depths 24, 40 and 48 are 8 to 16, and 16 is asked for; 16 expanded sixfold is
    96, and C5 of 32 has 192.
    """
    backbone = _build(text)
    assert backbone.network.count_params() == parameters
    assert list(backbone.channels.values()) == channels


def test_settings_leave_the_activations_alone():
    backbone = _build(
        SMALL + "freeze_batch_norm: true second_stage: true conv_hyperparams { "
        "activation: SWISH regularizer { l2_regularizer { weight: 1 } } "
        "batch_norm { epsilon: 0.5 } }"
    )
    norm = backbone.network.get_layer("expanded_conv_1_project_bn")
    assert norm.epsilon == 0.5 and not norm.trainable
    kinds = {type(layer).__name__ for layer in backbone.network.layers}
    assert "ReLU" in kinds and len(backbone.losses) > 0
    assert backbone.levels == ("C2", "C3", "C4")
    assert backbone.second_stage(tf.zeros([3, 14, 14, 48])).shape == (3, 7, 7, 576)


def test_explicit_padding_keeps_sizes():
    backbone = _build(SMALL + "use_explicit_padding: true")
    shapes = backbone.network.compute_output_shape((1, 300, 300, 3))
    assert [shape[1] for shape in shapes] == [75, 38, 19, 19, 10]


@pytest.mark.parametrize(
    "text", ['size: "medium"', "depth_multiplier: 0", 'weights: "no.h5"']
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        _build(text)
