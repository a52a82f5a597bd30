"""Fused batch norm: Keras' numbers, in training and in inference."""

import os
import pathlib
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.fused_batch_norm import (
    FusedBatchNormalization,
    drifting_statistics,
    keep_statistics,
    learn_where_frozen,
)


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


@pytest.mark.parametrize("compiled", [False, True])
def test_the_average_after_n_equal_batches(compiled):
    """It starts at 0 and every batch's mean is 1: after n moves 1 - momentum^n."""
    layer = FusedBatchNormalization(momentum=0.8)
    inputs = tf.constant([0.0, 2.0])[:, None, None, None]
    call = tf.function(lambda x: layer(x, training=True), jit_compile=compiled)
    layer(inputs, training=False)
    for count in range(1, 6):
        call(inputs)
        np.testing.assert_allclose(layer.moving_mean, [1 - 0.8**count], rtol=1e-5)


class ReadThenAssign(FusedBatchNormalization):
    """How Keras moves an average: what is read may be old when it is written."""

    def _move(self, average, value):
        average.assign(average * self.momentum + value * (1.0 - self.momentum))


def moved_by_workers(layer):
    """The average after 4 threads moved it 50 times each from 0 towards 1.

    It has a million channels, so that reading and writing take long enough to meet.
    """
    layer.build([None, 1, 1, 1 << 20])
    value = tf.ones([1 << 20])

    def work():
        for _ in range(50):
            layer._move(layer.moving_mean, value)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return layer.moving_mean.numpy()


def test_workers_at_once_lose_no_move():
    """200 moves bring it to 1 - .99^200 = .866 at least: old reads only add to that.

    Keras' way of moving it falls short: the check finds what it is for.
    """
    least = 1 - 0.99**200
    ours = moved_by_workers(FusedBatchNormalization(momentum=0.99))
    assert (ours > least - 1e-5).all() and (ours < 1).all()
    assert moved_by_workers(ReadThenAssign(momentum=0.99)).mean() < least - 0.01


def test_inputs_of_any_rank():
    """[B, C] is [B, 1, 1, C], its moving variance without bias."""
    rows = images()[:, 0, 0]
    flat, maps = FusedBatchNormalization(), FusedBatchNormalization()
    outputs = flat(rows, training=True)
    np.testing.assert_allclose(
        outputs, maps(rows[:, None, None], training=True)[:, 0, 0], rtol=1e-6
    )
    assert outputs.shape == rows.shape
    np.testing.assert_array_equal(flat.moving_variance, maps.moving_variance)


def test_keras_can_trace_it_without_effect():
    """Symbolic inputs in training mode, and a stateless call, leave the averages be."""
    layer = FusedBatchNormalization(momentum=0.5)
    made = keras.Input([4, 5, 3])
    assert layer(made, training=True).shape == (None, 4, 5, 3)
    state = (
        [v.value for v in layer.trainable_variables],
        [tf.identity(v.value) for v in layer.non_trainable_variables],
    )
    _, moved = layer.stateless_call(*state, images(), training=True)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0, 0])
    layer(images(), training=True)
    np.testing.assert_allclose(moved[0], layer.moving_mean, rtol=1e-6)


def test_drifting_statistics():
    """Those of layers that train and are not synchronised, two each."""
    layers = [
        FusedBatchNormalization(name="drifts"),
        FusedBatchNormalization(name="frozen", trainable=False),
        FusedBatchNormalization(name="together", synchronized=True),
    ]
    network = keras.Sequential([keras.Input([4, 5, 3]), *layers])
    found = drifting_statistics({"backbone": network})
    assert len(found) == 2
    assert found[0] is layers[0].moving_mean.value
    assert found[1] is layers[0].moving_variance.value


def test_replicas_on_two_devices():
    """In a process of its own: two CPU devices must be asked for before any op runs."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    script = pathlib.Path(__file__).parent / "batch_norm_replicas.py"
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "synchronised is one device",
        "shares of different sizes",
        "averaged statistics",
    ]


def test_kept_statistics_leave_scale_and_offset_to_learn():
    """Normalised by mean 0 and variance 1: inputs 1 and 3 stay, and so do averages."""
    layer = FusedBatchNormalization(epsilon=0.0)
    layer.build([None, 1, 1, 1])
    keep_statistics(layer)
    outputs = layer(tf.constant([1.0, 3.0])[:, None, None, None], training=True)
    np.testing.assert_allclose(np.ravel(outputs), [1, 3], rtol=1e-6)
    assert (layer.moving_mean.numpy(), layer.moving_variance.numpy()) == (0, 1)
    assert [v.name for v in layer.trainable_variables] == ["gamma", "beta"]
    assert not drifting_statistics({"part": layer})


def test_only_frozen_layers_begin_to_keep_statistics():
    frozen = FusedBatchNormalization(trainable=False)
    free = FusedBatchNormalization()
    for layer in (frozen, free):
        layer.build([None, 1, 1, 1])
        learn_where_frozen(layer)
    assert frozen.keeps_statistics and frozen.trainable
    assert not free.keeps_statistics and free.trainable
