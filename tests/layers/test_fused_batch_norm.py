"""Fused batch norm: Keras' numbers, in training and in inference."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.fused_batch_norm import FusedBatchNormalization


def pair(**options):
    layers = (
        FusedBatchNormalization(**options),
        keras.layers.BatchNormalization(**options),
    )
    for layer in layers:
        layer.build([None, 4, 5, 3])
    return layers


def images(dtype="float32"):
    return tf.cast(tf.random.stateless_normal([2, 4, 5, 3], seed=[1, 2]) * 2 + 1, dtype)


def test_moving_averages_by_hand():
    """Inputs 1 and 3: mean 2; variance ((1-2)^2 + (3-2)^2) / (2 - 1) = 2 without bias.

    With momentum .9: moving mean .1 * 2 = .2, moving variance .9 * 1 + .1 * 2 = 1.1.
    """
    layer = FusedBatchNormalization(momentum=0.9)
    outputs = layer(tf.constant([1.0, 3.0])[:, None, None, None], training=True)
    np.testing.assert_allclose(tf.squeeze(outputs), [-1, 1], atol=1e-3)
    np.testing.assert_allclose(layer.moving_mean, [0.2], rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, [1.1], rtol=1e-6)


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_outputs_and_gradients_are_those_of_keras(scale, center):
    results = []
    for layer in pair(scale=scale, center=center):
        with tf.GradientTape() as tape:
            inputs = images()
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, training=True) ** 3)
        results.append([loss, tape.gradient(loss, inputs)])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_inference_is_that_of_keras():
    ours, theirs = pair()
    for layer in (ours, theirs):
        layer.moving_mean.assign([1.0, 2.0, 3.0])
        layer.moving_variance.assign([4.0, 5.0, 6.0])
    np.testing.assert_array_equal(ours(images()), theirs(images()))


def test_frozen_layer_keeps_its_statistics_in_training():
    ours, theirs = pair(trainable=False)
    np.testing.assert_array_equal(
        ours(images(), training=True), theirs(images(), training=True)
    )
    np.testing.assert_array_equal(ours.moving_mean, [0, 0, 0])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_statistics_stay_float32_under_mixed_precision(policy):
    layer = FusedBatchNormalization(dtype=policy)
    outputs = layer(images(), training=True)
    assert outputs.dtype == tf.as_dtype(layer.compute_dtype)
    assert layer.moving_mean.dtype == "float32"
    full = FusedBatchNormalization()
    want = full(images(), training=True)
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), want, atol=0.03)
    np.testing.assert_allclose(layer.moving_mean, full.moving_mean, atol=1e-3)
