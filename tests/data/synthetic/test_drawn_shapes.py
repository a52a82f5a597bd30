"""Outlines and how much of each pixel they cover."""

import numpy as np
import pytest

from od_api.data.synthetic.drawn_shapes import (
    OUTLINES,
    outline,
    polygon_area,
    rasterise,
)

SQUARE = np.array([(1.0, 1.0), (-1, 1), (-1, -1), (1, -1)])


def test_areas_by_hand():
    """2 x 2; a triangle of base 4 and height 3; either way round."""
    assert polygon_area(SQUARE) == polygon_area(SQUARE[::-1]) == 4
    assert polygon_area(np.array([(0.0, 0.0), (4, 0), (1, 3)])) == 6


@pytest.mark.parametrize("name", OUTLINES)
def test_shapes_lie_in_the_unit_circle(name):
    assert np.hypot(*OUTLINES[name].T).max() <= 1 + 1e-9


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize(("angle", "stretch"), [(0, 1), (0.7, 1), (2.0, 1.8)])
def test_area_is_kept_and_drawn(name, angle, stretch):
    """600 square pixels, whatever the turn; the pixels' shares sum to it within 6 %."""
    corners = outline(name, area=600, angle=angle, stretch=stretch)
    assert polygon_area(corners) == pytest.approx(600)
    assert rasterise(corners).sum() == pytest.approx(600, rel=0.06)


def test_a_quarter_turn_exchanges_the_axes():
    """(x, y) goes to (-y, x)."""
    still = outline("triangle", area=100, angle=0, stretch=1.5)
    turned = outline("triangle", area=100, angle=np.pi / 2, stretch=1.5)
    expected = np.stack([-still[:, 1], still[:, 0]], axis=1)
    np.testing.assert_allclose(turned, expected, atol=1e-9)


def test_stretch_is_width_over_height():
    corners = outline("circle", area=100, angle=0, stretch=2.0)
    width, height = np.ptp(corners, axis=0)
    assert width / height == pytest.approx(2)


def test_origin_is_in_the_middle_and_shares_are_within_0_and_1():
    covered = rasterise(10 * SQUARE)
    assert covered.dtype == np.float32 and covered.shape[0] == covered.shape[1]
    middle = covered.shape[0] // 2
    np.testing.assert_array_equal(covered[middle - 9 : middle + 9, middle], 1)
    assert covered[0, 0] == 0 and covered.min() >= 0 and covered.max() <= 1
