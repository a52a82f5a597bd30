"""Distances of points to the sides of boxes."""

import kit
import numpy as np
import pytest

from od_api.core.side_distances import boxes_around, centerness, side_distances


def test_distances_and_back():
    """From (y, x) = (50, 50): 10 left, 20 up, 30 right, 40 down."""
    point, box = np.float32([50, 50, 50, 50]), np.float32([30, 40, 90, 80])
    distances = side_distances(point, box)
    np.testing.assert_array_equal(distances, [10, 20, 30, 40])
    np.testing.assert_array_equal(boxes_around(point, distances), box)


def test_a_box_is_its_centre():
    """Centre (6, 5)."""
    got = side_distances(np.float32([2, 4, 10, 6]), np.float32([0, 0, 10, 20]))
    np.testing.assert_array_equal(got, [5, 6, 15, 4])


@pytest.mark.parametrize(
    ("distances", "value"),
    [
        ([1, 2, 3, 2], 0.577350),
        ([2, 3, 8, 6], 0.353553),
        ([4, 4, 4, 4], 1.0),
        ([0, 2, 3, 2], 0.0),
        ([-1, -1, 3, 3], 0.0),
        ([0, 0, 0, 0], 0.0),
    ],
)
def test_centerness(distances, value):
    """sqrt(1 / 3), sqrt(2 / 8 * 3 / 6), the middle, the border, outside, no box."""
    np.testing.assert_allclose(centerness(np.float32(distances)), value, atol=1e-6)


def test_graph():
    rng = np.random.default_rng(0)
    places, boxes = kit.random_boxes(rng, 2, 5), kit.random_boxes(rng, 2, 5)

    def both(places, boxes):
        distances = side_distances(places, boxes)
        return boxes_around(places, distances), centerness(distances)

    around, _ = kit.check_graph(both, places, boxes)
    np.testing.assert_allclose(around, boxes, atol=1e-4)
