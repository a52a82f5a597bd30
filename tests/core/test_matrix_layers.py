"""Which layers a matrix has, and for which sizes each is."""

import pytest

from od_api.core.matrix_layers import MatrixRanges, matrix_layers, places_of


def test_nineteen_of_five_levels():
    assert len(matrix_layers(5, 2)) == 19
    assert matrix_layers(2, 1) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_places_follow_from_strides():
    places = matrix_layers(5, 2)
    strides = [8 << i if i == j else (8 << i, 8 << j) for i, j in places]
    assert places_of(strides) == places
    # The least of all is of the first row and column, wherever it stands.
    assert places_of([(32, 8), 16]) == [(2, 0), (1, 1)]


@pytest.mark.parametrize("strides", [[8, 24], [8, (8, 20)], [8, (8, 8)], [4, 8, 4]])
def test_strides_of_no_matrix(strides):
    with pytest.raises(ValueError, match="not those of different layers of a matrix"):
        places_of(strides)


def test_ranges_by_hand():
    """.8 * 24 = 19.2, 1.3 * 48 = 62.4, 1.3 * 96 = 124.8; the first has no beginning,
    the last of a row or column no end."""
    made = MatrixRanges(matrix_layers(2, 1), 24.0, 0.8, 1.3)
    low, high = (0.0, pytest.approx(62.4)), (pytest.approx(38.4), float("inf"))
    assert made.heights == [low, low, high, high]
    assert made.widths == [low, high, low, high]
    middle = MatrixRanges([(0, 0), (1, 0), (2, 0)], 24.0, 0.8, 1.3)
    assert middle.heights[1] == (pytest.approx(38.4), pytest.approx(124.8))
    assert middle.widths == [(0.0, float("inf"))] * 3


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((0.0, 0.8, 1.3), "base_size"),
        ((24.0, 1.1, 1.3), "low_tolerance"),
        ((24.0, 0.8, 0.9), "high_tolerance"),
    ],
)
def test_mistakes(values, name):
    with pytest.raises(ValueError, match=name):
        MatrixRanges([(0, 0)], *values)
