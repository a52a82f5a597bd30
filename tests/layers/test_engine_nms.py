"""Suppression as one operation: what it keeps is what TensorFlow's own forms keep."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.engine_nms import left_after_nms
from od_api.layers.engine_operators import engine_operators
from od_api.suppressions.greedy_nms import GreedyNms

NONE = -np.inf


def random_boxes(rng, *shape):
    corners = rng.uniform(0, 50, (*shape, 2))
    return np.concatenate([corners, corners + rng.uniform(1, 30, (*shape, 2))], -1)


def test_by_hand():
    """IoU of the first two .5, of the others 0; of equal scores the first is kept."""
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]]], np.float32)
    scores = np.array([[0.5, 0.5, 0.2]], np.float32)
    of = {0.4: [[0.5, NONE, 0.2]], 0.5: [[0.5, 0.5, 0.2]]}
    for threshold, want in of.items():
        left = left_after_nms(boxes, tf.constant(scores), threshold, 3, 0.0)
        np.testing.assert_array_equal(left, np.float32(want))
    left = left_after_nms(boxes, tf.constant(scores), 0.5, 2, 0.0)
    np.testing.assert_array_equal(left, np.float32([[0.5, 0.5, NONE]]))
    left = left_after_nms(boxes, tf.constant(scores), 0.5, 3, 0.2)
    np.testing.assert_array_equal(left, np.float32([[0.5, 0.5, NONE]]))


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [((40,), (40,)), ((2, 40), (2, 40)), ((2, 1, 40), (2, 3, 40)), ((3, 40), (3, 40)),
     ((2, 3, 40), (2, 3, 40)), ((1, 40), (3, 40)), ((2, 1, 2), (2, 3, 2))],
)  # fmt: skip
@pytest.mark.parametrize("inclusive", [True, False])
def test_it_keeps_what_the_kernel_keeps(boxes, scores, inclusive):
    rng = np.random.default_rng(4)
    boxes = tf.constant(random_boxes(rng, *boxes), tf.float32)
    # Few values, so that there are ties.
    scores = tf.constant(rng.integers(0, 9, scores) / 9, tf.float32)
    part = GreedyNms(iou_threshold=0.3, inclusive=inclusive)
    want = part.suppress(boxes, scores, {}, 10, 0.2)
    with engine_operators():
        got = part.static().suppress(boxes, scores, {}, 10, 0.2)
    np.testing.assert_array_equal(got.scores, want.scores)
    kept = want.scores.numpy() > NONE
    assert kept.any() and got.rows.shape == want.rows.shape
    np.testing.assert_array_equal(got.rows.numpy()[kept], want.rows.numpy()[kept])
