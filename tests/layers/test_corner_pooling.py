"""Running maxima along rows and columns, from either end."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_graph

from od_api.layers import corner_pooling as pooling

ROW = np.float32([2, 1, 3, 0, 2])
ONE_WAY = {
    "left_pool": (2, True),
    "right_pool": (2, False),
    "top_pool": (1, True),
    "bottom_pool": (1, False),
}


def as_row(values):
    return tf.constant(np.reshape(values, [1, 1, -1, 1]), tf.float32)


def test_values_of_a_row():
    """From right to left 2, max(0, 2), max(3, 2), ...; and from left to right."""
    np.testing.assert_array_equal(
        pooling.left_pool(as_row(ROW))[0, 0, :, 0], [3, 3, 3, 2, 2]
    )
    np.testing.assert_array_equal(
        pooling.right_pool(as_row(ROW))[0, 0, :, 0], [2, 2, 3, 3, 3]
    )


@pytest.mark.parametrize("name", ONE_WAY)
@pytest.mark.parametrize("size", [(1, 1), (5, 8), (9, 6)])
def test_equals_numpy_accumulate(name, size):
    axis, from_end = ONE_WAY[name]
    maps = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
    turned = np.flip(maps, axis) if from_end else maps
    want = np.maximum.accumulate(turned, axis=axis)
    want = np.flip(want, axis) if from_end else want
    np.testing.assert_array_equal(getattr(pooling, name)(tf.constant(maps)), want)


@pytest.mark.parametrize("name", ONE_WAY)
def test_unknown_sizes_and_xla_give_the_same(name):
    call = getattr(pooling, name)
    maps = tf.random.stateless_normal([2, 5, 7, 3], (1, 2))
    want = check_graph(call, maps, jit_compile=True)
    spec = [tf.TensorSpec([None, None, None, 3])]
    np.testing.assert_array_equal(tf.function(call, spec)(maps), want)


def test_two_maps_are_added():
    """At a corner: 3 of its row and 4 of its column; of a constant twice itself."""
    rows = tf.constant(np.float32([[1, 3], [0, 0]])[None, ..., None])
    columns = tf.constant(np.float32([[2, 0], [4, 0]])[None, ..., None])
    np.testing.assert_array_equal(
        pooling.top_left_pool(rows, columns)[0, ..., 0], [[7, 3], [4, 0]]
    )
    np.testing.assert_array_equal(
        pooling.bottom_right_pool(rows, columns)[0, ..., 0], [[3, 3], [4, 0]]
    )
    same = tf.fill([1, 3, 4, 2], -1.5)
    for pool in (pooling.top_left_pool, pooling.bottom_right_pool):
        np.testing.assert_array_equal(pool(same, same), tf.fill([1, 3, 4, 2], -3.0))


@pytest.mark.parametrize("graph", [False, True])
def test_gradient_goes_to_the_maximum(graph):
    """[3, 3, 3, 2, 2] come from the cells 2, 2, 2, 4, 4."""

    def gradient(row):
        with tf.GradientTape() as tape:
            tape.watch(row)
            total = tf.reduce_sum(pooling.left_pool(row))
        return tape.gradient(total, row)

    if graph:
        gradient = tf.function(gradient, [tf.TensorSpec([1, None, None, 1])])
    found = gradient(as_row(ROW))
    np.testing.assert_array_equal(found[0, 0, :, 0], [0, 0, 3, 0, 2])
    assert float(tf.reduce_sum(gradient(as_row(np.ones(5))))) == 5.0


def test_half_precision_stays_half():
    maps = tf.cast(as_row(ROW), tf.float16)
    assert pooling.left_pool(maps).dtype == tf.float16
    np.testing.assert_array_equal(pooling.left_pool(maps)[0, 0, :, 0], [3, 3, 3, 2, 2])
