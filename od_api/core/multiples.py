"""Numbers of channels as MobileNets round them."""


def divisible_by_8(depth):
    """The multiple of 8 nearest to `depth`, at least 90 % of it and 8."""
    rounded = max(8, int(depth + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * depth else rounded
