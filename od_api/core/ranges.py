"""The ranges of settings, checked so that NaN and infinities fail, too.

Every function takes a field's name and value and gives the value back, or raises
RangeError with name, value and range. A list is checked number by number.
"""

import math

# No setting of any published config comes near; above it float32 loses its meaning.
LARGEST = 1e9
# Limits of counts: beyond them a network would not fit into any memory.
MOST_LAYERS = 100
MOST_CELLS = 1024
MOST_CHANNELS = 65536
LONGEST_SIDE = 32768
MOST_BOXES = 100_000
MOST_CLASSES = 100_000


class RangeError(ValueError):
    """A setting outside its range.

    Attributes:
      field: the name of the setting.
    """

    def __init__(self, field, message):
        super().__init__(message)
        self.field = field


def between(name, value, low, high):
    """low <= value <= high."""
    return _each(name, value, lambda v: low <= v <= high, f"in {low}..{high}")


def above(name, value, low=0, high=LARGEST):
    """low < value <= high."""
    wanted = f"above {low}" + ("" if high == LARGEST else f" and at most {high}")
    return _each(name, value, lambda v: low < v <= high, wanted)


def at_least(name, value, low=0, high=LARGEST):
    """low <= value <= high."""
    wanted = f"at least {low}" if high == LARGEST else f"in {low}..{high}"
    return _each(name, value, lambda v: low <= v <= high, wanted)


def below(name, value, high, low=0):
    """low <= value < high."""
    wanted = f"from {low} to below {high}"
    return _each(name, value, lambda v: low <= v < high, wanted)


def finite(name, value):
    """Any number but NaN, infinities and what is as good as infinite."""
    return _each(name, value, lambda v: abs(v) <= LARGEST, "a finite number")


def probability(name, value):
    """0 <= value <= 1."""
    return between(name, value, 0, 1)


def ordered(low_name, low, high_name, high):
    """low <= high; both are finite numbers."""
    finite(low_name, low)
    finite(high_name, high)
    if not low <= high:
        raise RangeError(
            low_name,
            f"{low_name} is {_shown(low)}, larger than {high_name}, {_shown(high)}",
        )
    return low, high


def _each(name, value, fits, wanted):
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _check(name, f"{name}[{i}]", item, fits, wanted)
    else:
        _check(name, name, value, fits, wanted)
    return value


def _check(field, name, value, fits, wanted):
    if not (math.isfinite(value) and fits(value)):
        if LARGEST < value < math.inf and "at most" not in wanted:
            wanted += f" and at most {LARGEST:g}"
        raise RangeError(field, f"{name} is {_shown(value)}; it must be {wanted}")


def _shown(value):
    return f"{value:g}" if isinstance(value, float) else str(value)
