"""Numbers of a diagnosis as people read them, on a console and on a page."""

import math


def short(value):
    """Three decimals; a dash where there is nothing to say."""
    return "-" if value is None else f"{value:.3f}"


def floored(score):
    """A threshold, never above what it is: rounded up it would lose a detection."""
    if score is None:
        return "-"
    return f"{math.floor(score * 1000) / 1000:.3f}"


def of_interval(interval):
    """`0.412 [0.391, 0.435]`."""
    ends = ", ".join(short(interval[k]) for k in ("low", "high"))
    return f"{short(interval['value'])} [{ends}]"


def worst_first(rows):
    """Rows of classes by AP; those without anything to measure come last."""
    return sorted(
        rows, key=lambda r: (r["AP"] is None, r["AP"] or 0.0, r["AP50"] or 0.0)
    )
