"""EfficientNet: counts, maps, Keras' function, random state."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.backbones import efficientnet
from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.layers import imagenet_means, keras_weights
from od_api.layers.dropout import Dropout
from od_api.protos import backbone_pb2

keras_model = functools.cache(efficientnet._keras_model)


@pytest.fixture(autouse=True)
def keras_models_once(monkeypatch):
    monkeypatch.setattr(efficientnet, "_keras_model", keras_model)


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.Efficientnet()))


def test_b0_is_keras_function():
    """At 64 px, of Keras' own weights; its normalisation is set to ImageNet's.

    4,049,571 parameters is Keras' count without the classifier, of which 7 are of its
    normalisation layer. The last convolution has 320 * 1280 + 4 * 1280 = 414,720.
    """
    ours, theirs = _build("top: true"), keras_model(0, None, (None, None, 3))
    assert ours.network.count_params() == theirs.count_params() - 7 == 4_049_564
    keras_weights.copy_weights(ours.network, theirs)
    (norm,) = [x for x in theirs.layers if isinstance(x, keras.layers.Normalization)]
    mean, variance, count = norm.get_weights()
    means, deviations = imagenet_means.MEANS, imagenet_means.DEVIATIONS
    norm.set_weights([np.array(means), np.array(deviations) ** 2, count])
    norm.finalize_state()
    x = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(
        ours(ours.normalize(x))["C5_top"], theirs(x), rtol=1e-3, atol=1e-5
    )
    norm.set_weights([mean, variance, count])


@pytest.mark.parametrize(
    ("size", "cells"), [(300, [75, 38, 19, 10]), (64, [16, 8, 4, 2]), (7, [2, 1, 1, 1])]
)
def test_maps_halve_upwards(b0, size, cells):
    specs = b0.network.compute_output_shape((1, size, size, 3))
    assert [shape[1] for shape in specs] == cells
    assert [shape[-1] for shape in specs] == list(b0.channels.values())


@pytest.fixture(scope="module")
def b0():
    return _build()


def test_names_strides_and_gradients(b0):
    assert b0.network.count_params() == 3_634_844
    assert b0.channels == {"C2": 24, "C3": 40, "C4": 112, "C5": 320}
    assert b0.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    paths = [v.path for v in b0.variables]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("efficientnet_b0/") for path in paths)
    with tf.GradientTape() as tape:
        maps = b0(tf.random.normal([2, 33, 33, 3]), training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    gradients = tape.gradient(loss, [v.value for v in b0.trainable_variables])
    assert all(np.isfinite(g).all() for g in gradients)


def test_b1_is_deeper():
    """Keras' 6,575,239 less 7 and the last convolution, which has 414,720."""
    backbone = _build("version: 1")
    assert backbone.network.count_params() == 6_575_239 - 7 - 414_720
    assert list(backbone.channels.values()) == [24, 40, 112, 320]


def test_stochastic_depth_grows_from_the_first_block_and_has_names(b0):
    """16 blocks; block i of them has .2 * i / 16, those without a shortcut none.

    The second of the third block is number 4: .05; with a rate of .4 it is .1.
    """
    rates = {x.name: x.rate for x in b0.network.layers if isinstance(x, Dropout)}
    assert len(rates) == 9 and rates["block3b_drop"] == pytest.approx(0.05)
    assert max(rates.values()) < 0.2
    states = [v.path for v in b0.variables if "seed" in v.path]
    assert "efficientnet_b0/block3b_drop/seed/seed_generator_state" in states
    twice = _build("drop_connect_rate: 0.4").network.get_layer("block3b_drop")
    assert twice.rate == pytest.approx(0.1)


def test_settings_and_frozen_batch_norm():
    backbone = _build(
        "freeze_batch_norm: true second_stage: true conv_hyperparams { "
        "activation: RELU regularizer { l2_regularizer { weight: 1 } } "
        "batch_norm { epsilon: 0.5 } }"
    )
    norm = backbone.network.get_layer("block3a_project_bn")
    assert norm.epsilon == 0.5 and norm.momentum == 0.99 and not norm.trainable
    activation = backbone.network.get_layer("block3a_activation").get_config()
    assert activation["activation"] == "relu"
    assert backbone.network.get_layer("block3a_se_expand").activation.__name__ == (
        "sigmoid"
    )
    assert backbone.levels == ("C2", "C3", "C4")
    assert backbone.second_stage(tf.zeros([3, 14, 14, 112])).shape == (3, 7, 7, 320)


@pytest.mark.parametrize(
    "text", ["version: 8", "version: -1", "drop_connect_rate: 1", 'weights: "no.h5"']
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        _build(text)
