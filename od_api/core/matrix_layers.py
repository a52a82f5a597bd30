"""Which layers a matrix net has, and for which objects: its parts must agree on it."""

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


def places_of(strides):
    """Places of the layers of some strides, of which the least is of place (0, 0).

    Args:
      strides: of each layer, a number or (y, x).

    Returns:
      [(i, j), ...], in the order of the strides.

    Raises:
      ValueError: a stride that is not 1, 2, 4 .. times the least one, or two alike.
    """
    pairs = [s if isinstance(s, tuple) else (s, s) for s in strides]
    least = min(min(pair) for pair in pairs)
    steps = {least << i: i for i in range(MOST_LEVELS)}
    unfit = [pair for pair in pairs if not steps.keys() >= set(pair)]
    if unfit or len(set(pairs)) < len(pairs):
        raise ValueError(
            f"strides of {list(strides)} are not those of different layers of a matrix,"
            f" which are {least} times 1, 2, 4 and so on, in y and in x"
        )
    return [(steps[y], steps[x]) for y, x in pairs]


class MatrixRanges:
    """For which heights and widths of objects each layer is.

    The layer of row i and column j is for heights from base_size * 2^i and widths from
    base_size * 2^j on, up to below twice as much. The ranges are widened: they begin at
    `low_tolerance` times and end at `high_tolerance` times that, so that an object may
    belong to several layers; without that it belongs to one. The first ranges begin at
    0, and where there is no further layer in a row or column its last one has no end.
    Source: Rashwan et al., Matrix Nets, ICCV Workshops 2019, section 3.1.

    Args:
      places: [(i, j), ...] of the layers.
      base_size: pixels.
      low_tolerance: above 0, at most 1.
      high_tolerance: 1 or more.

    Attributes:
      heights, widths: [(low, high), ...] in pixels, one for each place; closed below,
        open above.
    """

    def __init__(self, places, base_size, low_tolerance, high_tolerance):
        ranges.above("base_size", base_size)
        ranges.above("low_tolerance", low_tolerance, 0, 1)
        ranges.at_least("high_tolerance", high_tolerance, 1)
        low, high = base_size * low_tolerance, 2.0 * base_size * high_tolerance
        self.heights = _limits(places, 0, low, high)
        self.widths = _limits(places, 1, low, high)


def _limits(places, axis, low, high):
    """[(low, high)] of the sizes along an axis, for each of the layers' places."""
    found = []
    for place in places:
        step = place[axis]
        following = (step + 1, place[1]) if axis == 0 else (place[0], step + 1)
        begin = low * 2.0**step if step else 0.0
        end = high * 2.0**step if following in places else float("inf")
        found.append((begin, end))
    return found
