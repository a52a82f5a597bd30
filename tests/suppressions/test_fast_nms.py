"""Fast suppression: fewer than greedy, and what is removed still removes."""

import functools

import numpy as np
import oracle
from oracle_kit import check_against, drawn
from suppression_kit import rows

from od_api.suppressions.fast_nms import FastNms
from od_api.suppressions.greedy_nms import GreedyNms

A, B, C = range(3)


def test_what_is_removed_removes():
    """A removes B, and B removes C all the same."""
    assert rows(FastNms(iou_threshold=0.5)) == [A]
    assert rows(FastNms(iou_threshold=0.6)) == [A, B, C]


def test_boundary():
    """A box and its half have an IoU of .5 exactly."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    assert rows(FastNms(iou_threshold=0.5), boxes, scores) == [0]
    assert rows(FastNms(iou_threshold=0.5, inclusive=False), boxes, scores) == [0, 1]


def test_beside_the_oracle():
    want = functools.partial(oracle.fast, threshold=0.4)
    check_against(want, FastNms(iou_threshold=0.4))


def test_a_part_of_greedy():
    rng = np.random.default_rng(0)
    fewer = 0
    for _ in range(20):
        boxes, scores = drawn(rng, count=30)
        fast = set(rows(FastNms(iou_threshold=0.4), boxes, scores, limit=30))
        greedy = set(rows(GreedyNms(iou_threshold=0.4), boxes, scores, limit=30))
        assert fast <= greedy
        fewer += fast < greedy
    assert fewer
