"""Weighted suppression, by hand and beside the oracle."""

import functools

import numpy as np
import oracle
from oracle_kit import check_against
from suppression_kit import ABC, ABC_SCORES, rows

from od_api.suppressions.weighted_nms import WeightedNms


def test_by_hand():
    """A: (.9 A + .8 * 7/13 B) / (.9 + .430769); C is alone, since B is A's."""
    found = WeightedNms(iou_threshold=0.5).suppress(ABC, ABC_SCORES, {}, 2, 0.0)
    np.testing.assert_array_equal(found.rows, [0, 2])
    np.testing.assert_allclose(found.boxes[0], [0, 0.971098, 10, 10.971098], rtol=1e-5)
    np.testing.assert_array_equal(found.boxes[1], ABC[2])
    np.testing.assert_allclose(found.scores, [0.9, 0.7], rtol=1e-6)


def test_a_box_is_averaged_once():
    """Best A, then C, then B, which overlaps both and is A's."""
    scores = [0.9, 0.7, 0.8]
    found = WeightedNms(iou_threshold=0.5).suppress(ABC, scores, {}, 2, 0.0)
    np.testing.assert_array_equal(found.rows, [0, 2])
    weight = 0.7 * 7 / 13
    np.testing.assert_allclose(
        found.boxes[0, 1], 3 * weight / (0.9 + weight), rtol=1e-5
    )
    np.testing.assert_array_equal(found.boxes[1], ABC[2])


def test_members_count_above_the_floor_only():
    found = WeightedNms(iou_threshold=0.5).suppress(ABC, ABC_SCORES, {}, 2, 0.85)
    np.testing.assert_array_equal(found.boxes[0], ABC[0])


def test_boundary():
    """A box and its half have an IoU of .5 exactly."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    assert rows(WeightedNms(iou_threshold=0.5), boxes, scores) == [0]
    part = WeightedNms(iou_threshold=0.5, inclusive=False)
    assert rows(part, boxes, scores) == [0, 1]


def test_beside_the_oracle():
    want = functools.partial(oracle.weighted, threshold=0.4)
    check_against(want, WeightedNms(iou_threshold=0.4))
