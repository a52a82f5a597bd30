"""What counts in a suppression: order, floor, nothing, and the boundary."""

import numpy as np
import pytest

from od_api.layers.ranked_boxes import ranked
from od_api.suppressions._counted import at, checked, counting, reaches

BOXES = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_what_is_not_above_the_floor_does_not_count():
    boxes, scores, columns = counting(BOXES, [0.5, 0.9, 0.2], {"x": BOXES}, 0.5)
    np.testing.assert_allclose(scores, [-np.inf, 0.9, -np.inf])
    np.testing.assert_array_equal(boxes, BOXES)
    np.testing.assert_array_equal(columns["x"], BOXES)


def test_of_nothing_there_is_one_that_does_not_count():
    boxes, scores, columns = counting(BOXES[:0], np.zeros([0]), {"x": BOXES[:0]}, 0.0)
    np.testing.assert_array_equal(scores, [-np.inf])
    assert boxes.shape == columns["x"].shape == (1, 4)


def test_at_takes_everything():
    given = ranked(BOXES, [0.5, 0.9, 0.2], {"x": BOXES})
    last = at(given, np.array([2]))
    np.testing.assert_array_equal(last.rows, [2])
    np.testing.assert_array_equal(last.boxes, BOXES[2:])
    np.testing.assert_array_equal(last.columns["x"], BOXES[2:])
    np.testing.assert_allclose(last.scores, [0.2])


def test_boundary():
    values = np.array([0.4, 0.5, 0.6])
    np.testing.assert_array_equal(reaches(values, 0.5, True), [False, True, True])
    np.testing.assert_array_equal(reaches(values, 0.5, False), [False, False, True])


def test_a_threshold_that_all_reach_is_refused():
    assert checked(0.0, inclusive=False) == 0.0
    with pytest.raises(ValueError, match="inclusive: false"):
        checked(0.0, inclusive=True)
    with pytest.raises(ValueError, match=r"must be in 0\.\.1"):
        checked(1.1, inclusive=False)


def test_a_similarity_of_other_values_is_refused():
    """As minus a squared distance."""
    with pytest.raises(ValueError, match=r"not one of 0\.\.1"):
        checked(0.5, inclusive=True, similarity=lambda boxes, others: None)
