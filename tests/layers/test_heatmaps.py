"""Radii and heat of corners, against the values and formulas of the paper."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.layers.heatmaps import gaussian_radius, gaussians, largest_by_class


def radius(height, width, overlap):
    return float(gaussian_radius(tf.constant(height), tf.constant(width), overlap))


def roots(h, w, t):
    """The three cases as the equations have them."""
    r1 = ((h + w) - np.sqrt((h + w) ** 2 - 4 * h * w * (1 - t) / (1 + t))) / 2
    r2 = (2 * (h + w) - np.sqrt(4 * (h + w) ** 2 - 16 * (1 - t) * h * w)) / 8
    square = 4 * t**2 * (h + w) ** 2 + 16 * t * (1 - t) * h * w
    return r1, r2, (-2 * t * (h + w) + np.sqrt(square)) / (8 * t)


def test_values_of_the_radius():
    """Of 10 x 20 at .3 the cases are 4.169, 2.890 and 5.650."""
    assert radius(10.0, 20.0, 0.3) == pytest.approx(2.890228, abs=1e-5)
    assert radius(10.0, 20.0, 0.7) == pytest.approx(1.077384, abs=1e-5)
    assert radius(16.0, 16.0, 0.7) == pytest.approx(1.306720, abs=1e-5)
    assert roots(10, 20, 0.3) == pytest.approx([4.169, 2.890, 5.650], abs=1e-3)


@pytest.mark.parametrize("overlap", [0.1, 0.3, 0.7, 0.99])
def test_the_least_of_the_three_roots(overlap):
    rng = np.random.default_rng(0)
    for h, w in rng.uniform(0.5, 100, (20, 2)):
        assert radius(h, w, overlap) == pytest.approx(
            min(roots(h, w, overlap)), rel=1e-3
        )


def test_corners_that_move_by_the_radius_leave_the_overlap():
    """Inwards, outwards and both the same way: the least IoU is the limit itself."""
    r = radius(12.0, 30.0, 0.4)
    box = np.float32([20, 20, 32, 50])
    moves = np.float32([[1, 1, -1, -1], [-1, -1, 1, 1], [1, 1, 1, 1]]) * r
    overlaps = geometry.iou(tf.constant(box), tf.constant(box + moves))
    assert float(tf.reduce_min(overlaps)) == pytest.approx(0.4, abs=1e-5)


def test_boxes_without_area_have_no_radius():
    assert radius(0.0, 20.0, 0.3) == radius(0.0, 0.0, 0.3) == 0.0


def test_gaussian_around_a_cell():
    """Deviation 2: one cell off exp(-1/8), diagonally exp(-1/4), its own cell 1."""
    made = gaussians(tf.constant([[[1, 2]]]), tf.constant([[2.0]]), (3, 4))
    assert made.shape == (1, 1, 3, 4) and made[0, 0, 1, 2] == 1.0
    assert float(made[0, 0, 1, 1]) == pytest.approx(np.exp(-1 / 8))
    assert float(made[0, 0, 0, 3]) == pytest.approx(np.exp(-1 / 4))


def test_gaussian_ends_at_its_reach():
    made = gaussians(
        tf.constant([[[0, 2]]]), tf.constant([[2.0]]), (1, 5), tf.constant([[1.0]])
    )
    np.testing.assert_array_equal(made[0, 0, 0] > 0, [0, 1, 1, 1, 0])


def test_no_deviation_is_the_cell_alone():
    made = gaussians(tf.constant([[[1, 1]]]), tf.constant([[0.0]]), (3, 3))
    np.testing.assert_array_equal(made[0, 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_largest_of_each_class():
    """Two of class 1 overlap; class 0 has none in the first image."""
    values = tf.constant([[[[0.25, 1.0]], [[0.5, 0.0]]], [[[0.1, 0.2]], [[0.3, 0.4]]]])
    made = largest_by_class(values, tf.constant([[1, 1], [0, 1]]), 3)
    assert made.shape == (2, 1, 2, 3)
    np.testing.assert_allclose(made[0, 0], [[0, 0.5, 0], [0, 1.0, 0]])
    np.testing.assert_allclose(made[1, 0], [[0.1, 0.3, 0], [0.2, 0.4, 0]])
