"""How many channels a convolution gets under a depth multiplier."""


def scaled_depth(depth, multiplier, min_depth):
    """`depth` times the multiplier, rounded down, and at least `min_depth`."""
    return max(int(depth * multiplier), min_depth)
