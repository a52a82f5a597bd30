"""IoU-guided suppression on given predictions."""

import numpy as np
import oracle
import pytest
from oracle_kit import check_against
from suppression_kit import ABC_SCORES, kept

from od_api.suppressions.iou_guided_nms import IouGuidedNms

A, B, C = range(3)


def fits(*values):
    return {"iou": np.reshape(values, [-1, 1])}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # B fits best and stands for A, whose score it gets, and C.
        ((0.6, 0.9, 0.7), [(B, 0.9)]),
        ((0.95, 0.6, 0.7), [(A, 0.9), (C, 0.7)]),
        (ABC_SCORES, [(A, 0.9), (C, 0.7)]),
    ],
)
def test_by_hand(values, expected):
    found = kept(IouGuidedNms(iou_threshold=0.5), columns=fits(*values))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_cluster_is_of_the_first_that_removes():
    """A fits best, then C: B, of the best score, is A's alone."""
    scores = [0.5, 0.9, 0.4]
    part = IouGuidedNms(iou_threshold=0.5)
    found = kept(part, scores=scores, columns=fits(0.9, 0.1, 0.8))
    np.testing.assert_allclose(found, [(A, 0.9), (C, 0.4)], rtol=1e-6)


def test_boundary():
    """A box and its half have an IoU of .5 exactly."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    for inclusive, expected in ((False, [0, 1]), (True, [0])):
        part = IouGuidedNms(iou_threshold=0.5, inclusive=inclusive)
        found = kept(part, boxes, scores, fits(0.9, 0.8))
        assert [row for row, _ in found] == expected


def test_beside_the_oracle():
    def want(boxes, scores, fit, **cut):
        return oracle.iou_guided(boxes, scores, fit, 0.4, **cut)

    check_against(
        want,
        IouGuidedNms(iou_threshold=0.4),
        lambda rng, shape: {"iou": rng.uniform(0, 1, (*shape, 1))},
    )


def test_boxes_behind_the_cut_matter():
    assert IouGuidedNms().needs_all
