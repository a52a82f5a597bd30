"""How many channels a convolution gets under a depth multiplier."""

from od_api.core import ranges

WIDEST = 10


def check_depths(depth_multiplier, min_depth):
    """RangeError unless depths come out that a network can have."""
    ranges.above("depth_multiplier", depth_multiplier, 0, WIDEST)
    ranges.at_least("min_depth", min_depth, 0, ranges.MOST_CHANNELS)


def checked_multiplier(depth_multiplier, min_depth):
    """The multiplier with the digits that it was written with; see `check_depths`.

    A float of the schema has 7 digits: .35 arrives as .349999994.
    """
    check_depths(depth_multiplier, min_depth)
    return round(depth_multiplier, 6)


def scaled_depth(depth, multiplier, min_depth):
    """`depth` times the multiplier, rounded down, and at least `min_depth`."""
    return max(int(depth * multiplier), min_depth)
