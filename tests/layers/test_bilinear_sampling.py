"""Samples of maps at any places."""

import kit
import numpy as np
import tensorflow as tf

from od_api.layers.bilinear_sampling import sample

# 0..11 in rows of four.
MAP = tf.reshape(tf.range(12.0), [1, 3, 4, 1])


def at(*places):
    y, x = np.float32(places).T
    return sample(MAP, tf.constant(y[None]), tf.constant(x[None]))[0, :, 0]


def test_values_by_hand():
    """The ramp 4 y + x inside; the last cell is 11."""
    got = at((0, 0), (1.5, 2.25), (2, 3), (0.5, 0))
    np.testing.assert_allclose(got, [0, 8.25, 11, 2])


def test_outside():
    """Half a cell beyond the corner of 11 a quarter is left; further out nothing."""
    got = at((2.5, 3.5), (2, 3.75), (3, 3), (-9, 1e9), (1e9, 1e9))
    np.testing.assert_allclose(got, [11 / 4, 11 / 4, 0, 0, 0])


def test_gradients():
    """To a place it is the ramp's slope, to the map the weights."""
    y, x = tf.Variable([[1.25]]), tf.Variable([[2.5]])
    with tf.GradientTape() as tape:
        tape.watch(MAP)
        value = tf.reduce_sum(sample(MAP, y, x))
    to_map, to_y, to_x = tape.gradient(value, [MAP, y, x])
    assert float(to_y[0, 0]) == 4 and float(to_x[0, 0]) == 1
    np.testing.assert_allclose(to_map[0, 1:, 2:, 0], [[0.375] * 2, [0.125] * 2])


def test_compiled_and_half_precision():
    rng = np.random.default_rng(0)
    maps = tf.constant(rng.uniform(size=(2, 5, 6, 3)), tf.float16)
    y, x = (tf.constant(rng.uniform(-2, 7, (2, 9)), tf.float32) for _ in range(2))
    want = sample(tf.cast(maps, tf.float32), y, x)
    kit.assert_same(tf.function(sample, jit_compile=True)(maps, y, x), want)
