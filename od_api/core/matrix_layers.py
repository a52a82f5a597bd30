"""Which layers a matrix net has: neck, points and assigner must agree on them."""

from od_api.core import ranges

# A stride of 2^15 is wider than the longest side of an image.
MOST_LEVELS = 15


def matrix_layers(count, steps):
    """Places of the layers, row by row.

    Args:
      count: layers on the diagonal, which are a pyramid's levels, finest first.
      steps: how far from the diagonal there are layers; the corners have none.

    Returns:
      [(i, j), ...]: heights of cells double from row to row, widths from column to
      column.

    Raises:
      RangeError: fewer than 2 or more than 15 on the diagonal, or steps beyond it.
    """
    ranges.between("levels", count, 2, MOST_LEVELS)
    ranges.between("steps", steps, 1, count - 1)
    places = range(count)
    return [(i, j) for i in places for j in places if abs(i - j) <= steps]
