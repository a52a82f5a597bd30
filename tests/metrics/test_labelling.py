"""Hits and misses of one class in one image, by hand."""

import numpy as np
import pytest
from scenes import found, truth

from od_api.metrics.image_records import ImageRecords
from od_api.metrics.labelling import Rule
from od_api.pictures import rle

A, B = [0, 0, 10, 10], [20, 20, 30, 30]
GROUP = [0, 0, 40, 40]
FAR = [80, 80, 90, 90]


def label(boxes, objects, groups=(), masks=None, **settings):
    """Rule.label of detections .9, .8, ... of single objects, then groups."""
    scores = [0.9 - i / 10 for i in range(len(boxes))]
    every = [*objects, *groups]
    masks = [_codes(rows) for rows in masks or (boxes, every)]
    records = ImageRecords()
    records.put(
        1,
        truth(every, group_of=[False] * len(objects) + [True] * len(groups))
        | {"masks": masks[1]},
        found(boxes, scores) | {"masks": masks[0]},
    )
    objects, detections = records[1]
    none = np.zeros(len(every), bool)
    rule = Rule(**settings)
    scores, hits, total = rule.label(detections, objects, none, objects.group_of)
    return scores.round(3).astype(np.float64).round(3).tolist(), hits.tolist(), total


def _codes(boxes):
    """Masks of 100 x 100 pixels that fill boxes; an empty box has an empty mask."""
    masks = np.zeros([len(boxes), 100, 100])
    for mask, (ymin, xmin, ymax, xmax) in zip(masks, boxes, strict=True):
        mask[ymin:ymax, xmin:xmax] = 1
    return rle.encode(masks)


@pytest.mark.parametrize("of_masks", [False, True])
def test_groups_of_no_weight_take_what_lies_in_them(of_masks):
    """A is a hit, its duplicate and B lie in the group, FAR is wrong; one object."""
    got = label([A, A, B, FAR], [A], [GROUP], of_masks=of_masks)
    assert got == ([0.9, 0.6], [1, 0], 1)


def test_a_group_of_weight_counts_once_by_its_best():
    """B's score .7 stands for the group; two things to find."""
    got = label([A, FAR, B, B], [A], [GROUP], group_weight=1.0)
    assert got == ([0.9, 0.8, 0.7], [1, 0, 1], 2)


def test_a_group_may_weigh_less_and_be_missed():
    assert label([A], [], [GROUP], group_weight=0.5) == ([0.9], [0.5], 0.5)
    assert label([FAR], [], [GROUP], group_weight=0.5) == ([0.9], [0], 0.5)


def test_half_of_the_own_area_in_a_group_is_enough():
    half, less = [35, 0, 45, 10], [36, 0, 46, 10]
    assert label([half], [], [GROUP]) == ([], [], 0)
    assert label([less], [], [GROUP]) == ([0.9], [0], 0)


def test_an_object_comes_before_a_group_around_it():
    """A is the object's hit, and the group is missed."""
    assert label([A], [A], [GROUP], group_weight=1.0) == ([0.9], [1], 2)


def test_objects_without_a_mask_do_not_count():
    """B's box is found, by a mask of A's place: neither right nor wrong; the second
    detection of it is wrong, and so the old API has it."""
    empty = [0, 0, 0, 0]
    masks = [B, B, FAR], [empty]
    got = label([B, B, FAR], [B], masks=masks, of_masks=True)
    assert got == ([0.8, 0.7], [0, 0], 0)


def test_masks_decide_and_not_boxes():
    """The boxes are equal, and the masks share a third: 50 of 150 pixels."""
    masks = [[0, 0, 10, 10]], [[0, 5, 10, 15]]
    assert label([A], [A], masks=masks, of_masks=True) == ([0.9], [0], 1)
    assert label([A], [A], masks=masks) == ([0.9], [1], 1)
