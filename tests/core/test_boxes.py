"""Geometry of boxes: values by hand, properties, and an oracle in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_graph, random_boxes

from od_api.core import boxes as geometry

ONE = [0.0, 0.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("box", "area"),
    [
        (ONE, 24),
        ([1, 1, 1, 9], 0),
        # Turned inside out: no negative area, and no positive one of two signs.
        ([4, 0, 0, 6], 0),
        ([4, 6, 0, 0], 0),
    ],
)
def test_area(box, area):
    assert float(geometry.area(tf.constant(box, tf.float32))) == area


@pytest.mark.parametrize(
    ("other", "shared", "iou", "ioa"),
    [
        (ONE, 24, 1, 1),
        # Rows 2..4 and columns 3..6 are shared: 6 of 24 + 24 - 6.
        ([2, 3, 6, 9], 6, 6 / 42, 6 / 24),
        # Inside: all of its own 2, of 24 together.
        ([1, 1, 2, 3], 2, 2 / 24, 1),
        # They touch.
        ([4, 0, 8, 6], 0, 0, 0),
        ([9, 9, 12, 12], 0, 0, 0),
        # A point inside.
        ([2, 2, 2, 2], 0, 0, 0),
    ],
)
def test_overlaps_by_hand(other, shared, iou, ioa):
    boxes, others = tf.constant(ONE), tf.constant(other, tf.float32)
    assert float(geometry.intersection(boxes, others)) == shared
    assert float(geometry.iou(boxes, others)) == pytest.approx(iou)
    assert float(geometry.ioa(boxes, others)) == pytest.approx(ioa)


@pytest.mark.parametrize(
    ("box", "other", "distance"),
    [
        # Centres 1 and 1 apart, the box around both is 3 x 3: 2 / 18.
        ([0, 0, 2, 2], [1, 1, 3, 3], 2 / 18),
        # 20 apart, 10 x 30 around both: 400 / 1000.
        ([0, 0, 10, 10], [0, 20, 10, 30], 0.4),
        # One centre; and two points, in one place and in two.
        ([1.5, 1.5, 2.5, 2.5], [0, 0, 4, 4], 0),
        ([3, 3, 3, 3], [3, 3, 3, 3], 0),
        ([3, 3, 3, 3], [3, 7, 3, 7], 1),
    ],
)
def test_distance_of_centers_by_hand(box, other, distance):
    boxes = tf.constant(box, tf.float32), tf.constant(other, tf.float32)
    assert float(geometry.center_distance(*boxes)) == pytest.approx(distance)


def test_two_points_have_an_iou_of_0():
    point = tf.constant([3.0, 3.0, 3.0, 3.0])
    assert float(geometry.iou(point, point)) == 0


def test_pairs_are_the_pixels_that_two_boxes_share():
    """Whole numbers: masks of 20 x 20 pixels count the same."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 12, (9, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 8, (9, 2))], axis=1)
    masks = np.zeros([9, 20, 20], bool)
    for mask, (y0, x0, y1, x1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    both = (masks[:, None] & masks).sum((2, 3))
    either = (masks[:, None] | masks).sum((2, 3))
    found = check_graph(
        lambda x: geometry.pairwise(geometry.iou, x[:4], x),
        tf.constant(boxes, tf.float32),
    )
    np.testing.assert_allclose(found, (both / either)[:4], atol=1e-6)


def test_center_and_size_there_and_back():
    """(0, 0, 4, 6) has its centre at (2, 3)."""
    parts = geometry.center_size(tf.constant(ONE))
    np.testing.assert_array_equal(parts, [2, 3, 4, 6])
    boxes = random_boxes(np.random.default_rng(1), 2, 5)
    back = geometry.from_center_size(*geometry.center_size(tf.constant(boxes)))
    np.testing.assert_allclose(back, boxes, atol=1e-5)


def test_clip_moves_each_edge():
    """Into rows 1..3 and columns 2..5; a box beside the window becomes its border."""
    window = tf.constant([1.0, 2.0, 3.0, 5.0])
    boxes = tf.constant([[0.0, 0.0, 9.0, 9.0], [1.5, 2.5, 2.0, 3.0], [8, 8, 9, 9]])
    clipped = geometry.clip(boxes, window)
    np.testing.assert_array_equal(
        clipped, [[1, 2, 3, 5], [1.5, 2.5, 2, 3], [3, 5, 3, 5]]
    )
    np.testing.assert_array_equal(geometry.clip(clipped, window), clipped)


def test_scale_is_for_each_axis_and_may_differ_by_image():
    boxes = tf.constant([[ONE], [ONE]])
    y, x = tf.constant([[2.0], [1.0]]), tf.constant([[0.5], [3.0]])
    scaled = geometry.scale(boxes, y, x)
    np.testing.assert_array_equal(scaled, [[[0, 0, 8, 3]], [[0, 0, 4, 18]]])


def test_no_boxes():
    none = tf.zeros([2, 0, 4])
    assert geometry.area(none).shape == (2, 0)
    assert geometry.pairwise(geometry.iou, none, tf.zeros([3, 4])).shape == (2, 0, 3)
