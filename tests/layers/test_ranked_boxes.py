"""Boxes by falling score over leading axes, and what is kept of them."""

import numpy as np
import tensorflow as tf

from od_api.layers.ranked_boxes import at_least_one, best_of, ranked, take

BOXES = np.arange(12, dtype=np.float32).reshape(3, 4)
SCORES = np.float32([[0.1, 0.9, 0.9], [0.5, 0.2, 0.7]])


def test_ranked_with_boxes_that_all_rows_share():
    """Equal scores in the order of the input; one set of boxes for two classes."""
    best = ranked(BOXES[None], SCORES, {"id": BOXES[None, :, :1]})
    assert best.rows.numpy().tolist() == [[1, 2, 0], [2, 0, 1]]
    np.testing.assert_array_equal(best.boxes, BOXES[best.rows])
    np.testing.assert_array_equal(best.columns["id"], BOXES[best.rows][..., :1])
    assert ranked(BOXES[None], SCORES, {}, 2).scores.shape == (2, 2)
    assert ranked(BOXES[None], SCORES, {}, 9).scores.shape == (2, 3)


def test_take_with_and_without_an_axis_of_one():
    rows = np.int32([[[2, 0]], [[1, 1]]])
    own = np.stack([BOXES, -BOXES])[:, None]
    np.testing.assert_array_equal(take(own, rows)[1, 0], -BOXES[[1, 1]])
    many = np.int32([[[2, 0], [1, 0]], [[1, 1], [0, 2]]])
    np.testing.assert_array_equal(take(own, many)[1, 1], -BOXES[[0, 2]])


def test_best_of_sorts_again_and_fills_up():
    """The first is removed, the second decays behind the third; a limit of 4."""
    best = ranked(BOXES, np.float32([0.9, 0.8, 0.7]), {})
    kept = best_of(best, np.float32([-np.inf, 0.1, 0.7]), 4)
    assert kept.rows.numpy().tolist() == [2, 1, 0, 0]
    np.testing.assert_array_equal(kept.scores, np.float32([0.7, 0.1, -np.inf, -np.inf]))
    np.testing.assert_array_equal(kept.boxes[:2], BOXES[[2, 1]])
    assert not np.any(kept.boxes[2:])


def test_unknown_sizes():
    def kept(boxes, scores):
        best = ranked(boxes, scores, {}, 5)
        return best_of(best, best.scores, 2)

    spec = [tf.TensorSpec([None, 4]), tf.TensorSpec([None])]
    graph = tf.function(kept, input_signature=spec)
    assert graph(BOXES[:1], np.float32([0.5])).rows.shape == (2,)
    assert graph.get_concrete_function().structured_outputs.scores.shape == (2,)
    assert graph(np.zeros([0, 4], np.float32), np.zeros([0], np.float32)).rows[0] == 0


def test_a_row_that_stands_for_nothing():
    assert at_least_one(tf.zeros([2, 0, 4])).shape == (2, 1, 4)
    assert at_least_one(tf.zeros([2, 3, 4])).shape == (2, 3, 4)
