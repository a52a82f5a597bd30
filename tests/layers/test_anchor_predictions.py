"""Order and shape of the rows of predictions."""

import numpy as np
import tensorflow as tf

from od_api.layers.anchor_predictions import rows_per_anchor


def test_rows_go_by_level_then_y_then_x_then_anchor():
    """Two levels: 1x2 cells of 2 anchors, then 1 cell of 1 anchor; 2 numbers each."""
    fine = tf.reshape(tf.range(8.0), [1, 1, 2, 4])
    coarse = tf.constant([[[[90.0, 91.0]]]])
    rows = rows_per_anchor([fine, coarse], 2)
    assert rows.numpy().tolist() == [[[0, 1], [2, 3], [4, 5], [6, 7], [90, 91]]]


def test_static_shapes_stay_static_and_unknown_ones_work():
    shapes = []

    @tf.function
    def rows(maps):
        out = rows_per_anchor([maps, maps], 3)
        shapes.append(out.shape.as_list())
        return out

    rows.get_concrete_function(tf.TensorSpec([None, 4, 5, 6]))
    assert shapes[-1] == [None, 80, 3]
    free = rows.get_concrete_function(tf.TensorSpec([None, None, None, 6]))
    assert shapes[-1] == [None, None, 3]
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype(np.float32)
    np.testing.assert_array_equal(free(tf.constant(x)), rows_per_anchor([x, x], 3))


def test_half_precision_comes_out_as_float32():
    assert rows_per_anchor([tf.zeros([1, 2, 2, 4], tf.bfloat16)], 4).dtype == tf.float32
