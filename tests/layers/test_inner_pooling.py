"""Centre pooling and cascade corner pooling: values by hand, against NumPy, flips."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_gradients, check_graph

from od_api.layers.inner_pooling import (
    cascade_bottom_right_pool,
    cascade_top_left_pool,
    center_pool,
)

NOISE = np.random.default_rng(0).normal(size=(4, 2, 5, 7, 3)).astype(np.float32)
MAPS = [tf.constant(x) for x in NOISE]


def test_values_of_two_by_two_cells():
    """[[1, 2], [3, 4]]: row maxima 2, 2, 4, 4 and column maxima 3, 4, 3, 4 (T14)."""
    x = tf.reshape([1.0, 2, 3, 4], [1, 2, 2, 1])
    np.testing.assert_array_equal(center_pool(x, x)[0, :, :, 0], [[5, 6], [7, 8]])
    same = tf.fill([1, 3, 4, 2], -1.5)
    np.testing.assert_array_equal(center_pool(same, same), tf.fill([1, 3, 4, 2], -3.0))


@pytest.mark.parametrize("axis", [1, 2])
def test_of_a_flipped_map_flipped(axis):
    rows, columns = NOISE[:2]
    want = center_pool(rows, columns)
    flipped = center_pool(np.flip(rows, axis), np.flip(columns, axis))
    np.testing.assert_array_equal(np.flip(flipped, axis), want)


def _running(x, axis, from_end):
    x = np.flip(x, axis) if from_end else x
    made = np.maximum.accumulate(x, axis=axis)
    return np.flip(made, axis) if from_end else made


@pytest.mark.parametrize(
    ("pool", "from_end"),
    [(cascade_top_left_pool, True), (cascade_bottom_right_pool, False)],
)
def test_cascade_against_numpy(pool, from_end):
    """Along the edge, of what lies there and further in."""
    rows, columns, across, down = NOISE
    want = _running(rows + _running(down, 1, from_end), 2, from_end)
    want = want + _running(columns + _running(across, 2, from_end), 1, from_end)
    np.testing.assert_allclose(pool(*MAPS), want, rtol=1e-6)
    scaled = pool(*MAPS, between=(lambda x: 2 * x, lambda x: 2 * x))
    np.testing.assert_allclose(scaled, 2 * want, rtol=1e-6)


def test_cascade_by_hand():
    """A corner at cell 0 whose left edge ends at cell 2, where 5 lies to the right.

    Columns are 0, 1, 2 downwards, and what is right of them at most 0, 0 and 5: the
    edge has 7. Rows and what is below them are 0.
    """
    columns = tf.reshape([0.0, 0, 1, 0, 2, 0], [1, 3, 2, 1])
    across = tf.reshape([0.0, 0, 0, 0, 0, 5], [1, 3, 2, 1])
    zero = tf.zeros_like(columns)
    assert cascade_top_left_pool(zero, columns, across, zero)[0, 0, 0, 0] == 7


def test_unknown_sizes_and_gradients():
    spec = [tf.TensorSpec([None, None, None, 3])] * 4
    graph = tf.function(cascade_top_left_pool, input_signature=spec)
    np.testing.assert_allclose(graph(*MAPS), cascade_top_left_pool(*MAPS))
    check_graph(center_pool, *MAPS[:2])
    check_gradients(cascade_bottom_right_pool, *MAPS)
