"""The optimality frontier of accuracy against time, and its critical points."""

from typing import NamedTuple


class CriticalPoints(NamedTuple):
    """Models of the frontier, named as in the study's Table 3; None if there is none.

    Attributes:
      fastest: the frontier's first: nothing is faster, and of the equally fast ones
        it is the most accurate.
      sweet_spot: the elbow: with time and mAP scaled to 0..1 between the fastest and
        the most accurate model, the frontier's model that is furthest above the
        straight line between these two. None if no model is above it.
      most_accurate: the frontier's last: nothing is more accurate, and of the equally
        accurate ones it is the fastest.
    """

    fastest: object = None
    sweet_spot: object = None
    most_accurate: object = None


def measured_both(models):
    """The models with an accuracy and a time."""
    return [m for m in models if m.map is not None and m.time_ms is not None]


def frontier(models):
    """The models that no other one beats, fastest first.

    Sorted by time, a model is kept if its mAP exceeds every mAP so far (Huang et al.
    2017, figure 2): of two equally fast ones, the more accurate.
    """
    kept = []
    for model in sorted(measured_both(models), key=lambda m: (m.time_ms, -m.map)):
        if not kept or model.map > kept[-1].map:
            kept.append(model)
    return kept


def critical_points(models):
    """The CriticalPoints of models."""
    best = frontier(models)
    if not best:
        return CriticalPoints()
    heights = [height_above_chord(model, best) for model in best]
    highest = max(heights)
    elbow = best[heights.index(highest)] if highest > 0 else None
    return CriticalPoints(best[0], elbow, best[-1])


def height_above_chord(model, best):
    """How far a model of the frontier is above the line from its first to its last.

    Both axes are scaled to 0..1, so that it is scaled mAP minus scaled time.
    """
    first, last = best[0], best[-1]
    if first is last:
        return 0.0
    time = (model.time_ms - first.time_ms) / (last.time_ms - first.time_ms)
    accuracy = (model.map - first.map) / (last.map - first.map)
    return accuracy - time
