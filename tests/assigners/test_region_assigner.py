"""Cells in the middle of objects, by hand."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.assigners.region_assigner import RegionAssigner
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import Priors
from od_api.protos import matcher_pb2

STRIDES = (8, 16, 32)


def priors(size=160, strides=STRIDES):
    """One prior of 8 strides around the middle of each cell."""
    boxes, of_strides, levels = [], [], []
    for level, stride in enumerate(strides):
        places = stride * (np.arange(size // stride) + 0.5)
        y, x = (one.ravel() for one in np.meshgrid(places, places, indexing="ij"))
        half = 4 * stride
        boxes.append(np.stack([y - half, x - half, y + half, x + half], -1))
        of_strides += [[stride, stride]] * len(y)
        levels += [level] * len(y)
    return Priors(
        tf.constant(np.concatenate(boxes), tf.float32),
        tf.constant(of_strides, tf.float32),
        tf.constant(levels, tf.int32),
        tf.ones([len(levels)], tf.bool),
    )


def labels(boxes, **options):
    """[(stride, row, column)] of the positives and of the ignored, and gt_index."""
    place = priors()
    found = RegionAssigner(**options).assign(place, kit.make_targets([boxes]))
    names = []
    for stride in STRIDES:
        side = 160 // stride
        names += [(stride, i // side, i % side) for i in range(side**2)]
    label = found.label[0].numpy()
    return (
        [n for n, one in zip(names, label, strict=True) if one == 1],
        [n for n, one in zip(names, label, strict=True) if one == -1],
        found.gt_index[0].numpy()[label == 1].tolist(),
    )


def test_center_and_ring_of_one_object():
    """64 px are of stride 8. Its middle fifth goes from 73.6 to 86.4, 9.2 to 10.8
    cells, rounded 9 to 11; its middle half from 64 to 96: cells 8 to 12. On stride 16
    the half is cells 4 to 6, all ignored, on stride 32 none are: two levels apart."""
    positive, ignored, _ = labels([[48, 48, 112, 112]])
    assert positive == [(8, i, j) for i in range(9, 12) for j in range(9, 12)]
    ring = [(8, i, j) for i in range(8, 13) for j in range(8, 13)]
    ring = [cell for cell in ring if cell not in positive]
    assert ignored == ring + [(16, i, j) for i in range(4, 7) for j in range(4, 7)]


def test_levels_by_size():
    """8 strides a side; the border of two levels is their geometric mean, 90.5 px."""
    for side, stride in ((20, 8), (90, 8), (91, 16), (128, 16), (150, 16)):
        positive, _, _ = labels([[0, 0, side, side]])
        assert {cell[0] for cell in positive} == {stride}


def test_the_smallest_object_has_the_cell_and_rings_take_no_positive():
    """The small one in the middle of the large one, both of stride 8."""
    positive, ignored, owners = labels([[40, 40, 104, 104], [66, 66, 78, 78]])
    assert set(owners) == {0, 1} and not set(positive) & set(ignored)
    small = [cell for cell, owner in zip(positive, owners, strict=True) if owner == 1]
    assert small == [(8, 9, 9)]


def test_a_tiny_object_has_a_cell():
    positive, _, _ = labels([[13, 21, 14, 22]])
    assert positive == [(8, 2, 3)]


def test_ratios():
    """All of the object: 0 to 64 px is cells 0 to 8."""
    positive, ignored, _ = labels([[0, 0, 64, 64]], center_ratio=1.0, ignore_ratio=1.0)
    assert positive == [(8, i, j) for i in range(9) for j in range(9)]
    assert {cell[0] for cell in ignored} == {16}


@pytest.mark.parametrize("name", sorted(kit.target_cases()))
def test_any_ground_truth(name):
    targets = kit.target_cases()[name]
    place = priors(96)
    for anchors in (place, place._replace(boxes=tf.stack([place.boxes] * 2))):
        found = RegionAssigner().assign(anchors, targets)
        kit.assert_same(tf.function(RegionAssigner().assign)(anchors, targets), found)
        assert found.label.shape == (2, place.boxes.shape[0])
        if not tf.reduce_any(targets.valid):
            assert not np.any(found.label)


@pytest.mark.parametrize(
    "fields, place",
    [
        ({"center_ratio": 1.5}, "center_ratio"),
        ({"ignore_ratio": 0.1}, "ignore_ratio"),
        ({"anchor_scale": 0}, "anchor_scale"),
    ],
)
def test_refusals(fields, place):
    message = matcher_pb2.Matcher(region_assigner=fields)
    with pytest.raises(ConfigError) as caught:
        build(message)
    assert caught.value.field_path == f"region_assigner.{place}"
