"""Correlations and least-squares lines of paired numbers."""

import math
from typing import NamedTuple

import numpy as np


class Fit(NamedTuple):
    """How one quantity goes with another; None where it cannot be said.

    Attributes:
      n: number of pairs.
      pearson: linear correlation, -1..1.
      spearman: the same of the ranks (ties have their mean rank).
      slope, intercept: of the least-squares line y = slope * x + intercept.
      r_squared: share of the variance of y that the line explains, 0..1.
    """

    n: int
    pearson: float | None = None
    spearman: float | None = None
    slope: float | None = None
    intercept: float | None = None
    r_squared: float | None = None


def fit(pairs, log=False):
    """The Fit of (x, y) pairs; those with a None are left out.

    A line needs two different x; a correlation three pairs, since any two points are on
    a line, and two different y.

    Args:
      pairs: iterable of (x, y).
      log: fit log10 of both, of the pairs that are positive: then the slope is the
        exponent of a power law.
    """
    pairs = [(x, y) for x, y in pairs if x is not None and y is not None]
    if log:
        pairs = [(math.log10(x), math.log10(y)) for x, y in pairs if x > 0 and y > 0]
    if len(pairs) < 2:
        return Fit(len(pairs))
    x, y = np.array(pairs, np.float64).T
    if np.ptp(x) == 0:
        return Fit(len(pairs))
    slope = _covariance(x, y) / _covariance(x, x)
    line = {"slope": slope, "intercept": float(np.mean(y) - slope * np.mean(x))}
    if len(pairs) < 3 or np.ptp(y) == 0:
        return Fit(len(pairs), **line)
    r = pearson(x, y)
    ranks = pearson(_ranks(x), _ranks(y))
    return Fit(len(pairs), r, ranks, r_squared=r * r, **line)


def pearson(x, y):
    """Linear correlation of two arrays, neither of them constant."""
    r = _covariance(x, y) / math.sqrt(_covariance(x, x) * _covariance(y, y))
    return min(1.0, max(-1.0, r))


def cosine(x, y):
    """Cosine of the angle between two vectors; 0 if one of them is 0."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    norms = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / norms) if norms else 0.0


def _covariance(x, y):
    return float(np.mean((x - np.mean(x)) * (y - np.mean(y))))


def _ranks(values):
    """Ranks from 0; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts) + (last - 1))[group] / 2
