"""Intervals by the bootstrap over images (Efron and Tibshirani 1993, percentiles).

The images of an evaluation are a sample: others of their kind would have given other
numbers. Drawing as many images from them as there are, with replacement, a thousand
times, shows how far. Two sets of detections of the same images are compared within
each draw, so that what is hard about an image does not count as a difference.
"""

from typing import Any, NamedTuple

import numpy as np

from od_api.core.errors import UserError
from od_api.metrics.diagnosis.class_matches import average_precisions

SAMPLES, SEED = 1000, 0
# The middle 95 %.
_ENDS = (2.5, 97.5)


class Interval(NamedTuple):
    """A number and its interval of 95 %."""

    value: float
    low: float
    high: float


class Sampled(NamedTuple):
    """mAP and mAP at IoU .5 of all images, and of the samples [S]; NaN: no objects."""

    mean: float
    mean50: float
    means: Any
    means50: Any


def samples(images, count=SAMPLES, seed=SEED):
    """[count, images] int: how often each image is in each sample.

    Raises:
      UserError: fewer than two samples.
    """
    if count < 2:
        raise UserError(
            f"an interval is of many samples of the images, not of {count}: use e.g. "
            f"{SAMPLES}"
        )
    if not images:
        return np.zeros((count, 0), int)
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=count)


def sampled(matches, copies):
    """The Sampled of a list of ClassMatches."""
    whole = np.ones((1, copies.shape[1]), int)
    together = np.concatenate([whole, copies])
    # Like COCO's mean, over the classes that have objects in the sample.
    sums = np.zeros((2, len(together)))
    known = np.zeros(len(together))
    for of_class in matches:
        if of_class.total:
            values = average_precisions(of_class, together)
            there = ~np.isnan(values[:, 0])
            known += there
            sums += np.where(there, [values.mean(axis=1), values[:, 0]], 0.0)
    means = np.divide(sums, known, out=np.full_like(sums, np.nan), where=known > 0)
    return Sampled(means[0, 0], means[1, 0], means[0, 1:], means[1, 1:])


def interval(value, values):
    """The Interval of a number, given those of the samples; None if it is none."""
    values = values[~np.isnan(values)]
    if np.isnan(value) or not len(values):
        return None
    return Interval(float(value), *(float(x) for x in np.percentile(values, _ENDS)))


def difference(first, second):
    """What the second has more than the first, in the same samples.

    Returns:
      {"mAP", "mAP50": Interval or None, "higher": share of the samples in which the
      second's mAP is higher, ties by half}.
    """
    gained = second.means - first.means
    known = gained[~np.isnan(gained)]
    higher = np.mean((known > 0) + 0.5 * (known == 0)) if len(known) else None
    return {
        "mAP": interval(second.mean - first.mean, gained),
        "mAP50": interval(second.mean50 - first.mean50, second.means50 - first.means50),
        "higher": None if higher is None else float(higher),
    }
