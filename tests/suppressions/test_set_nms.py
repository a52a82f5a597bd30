"""Set suppression on given sets."""

import numpy as np
import oracle
from oracle_kit import check_against
from suppression_kit import rows

from od_api.suppressions.set_nms import SetNms

A, B, C = range(3)


def sets(*values):
    return {"set": np.reshape(values, [-1, 1])}


def test_by_hand():
    """A and B are of one set; B removes C, of another."""
    assert rows(SetNms(iou_threshold=0.5), columns=sets(0, 0, 1)) == [A, B]
    assert rows(SetNms(iou_threshold=0.5), columns=sets(0, 1, 2)) == [A, C]


def test_boundary():
    """A box and its half have an IoU of .5 exactly."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    for inclusive, expected in ((True, [0]), (False, [0, 1])):
        part = SetNms(iou_threshold=0.5, inclusive=inclusive)
        assert rows(part, boxes, scores, sets(0, 1)) == expected


def test_beside_the_oracle():
    def want(boxes, scores, ids, **cut):
        return oracle.set_nms(boxes, scores, ids, 0.3, **cut)

    check_against(
        want,
        SetNms(iou_threshold=0.3),
        lambda rng, shape: {"set": rng.integers(0, 4, (*shape, 1))},
    )
