"""Correlations and lines, by hand and against scipy."""

import numpy as np
import pytest
import scipy.stats

from od_api.study.analyses.fits import Fit, cosine, fit


def test_three_points_by_hand():
    """x 1, 2, 3, y 1, 3, 2: covariance 1/3, variances 2/3: r .5, slope .5, y(0) 1."""
    result = fit([(1, 1), (2, 3), (3, 2)])
    assert result == pytest.approx(Fit(3, 0.5, 0.5, 0.5, 1.0, 0.25))


def test_as_scipy_has_it():
    """Ties included: values are rounded."""
    random = np.random.default_rng(3)
    x = random.normal(size=40).round(1)
    y = (2 * x + random.normal(size=40)).round(1)
    result, line = fit(zip(x, y, strict=True)), scipy.stats.linregress(x, y)
    assert result.pearson == pytest.approx(line.rvalue)
    assert result.r_squared == pytest.approx(line.rvalue**2)
    assert (result.slope, result.intercept) == pytest.approx(
        (line.slope, line.intercept)
    )
    assert result.spearman == pytest.approx(scipy.stats.spearmanr(x, y).statistic)


def test_power_law_from_its_logarithms():
    """y = 5 x²; what is not positive has no logarithm."""
    result = fit([(x, 5 * x * x) for x in (0, 1, 2, 4)], log=True)
    assert (result.n, result.slope) == pytest.approx((3, 2.0))
    assert 10**result.intercept == pytest.approx(5.0)


def test_what_cannot_be_said_is_none():
    assert fit([]) == Fit(0) and fit([(1, 2), (None, 3), (4, None)]) == Fit(1)
    assert fit([(1, 2), (1, 3)]) == Fit(2)
    flat = fit([(1, 2), (3, 2), (4, 2)])
    assert (flat.slope, flat.intercept, flat.pearson) == (0.0, 2.0, None)
    two = fit([(1, 2), (3, 4)])
    assert (two.slope, two.pearson, two.r_squared) == (1.0, None, None)


def test_cosine():
    assert cosine([1, 0], [1, 1]) == pytest.approx(np.sqrt(0.5))
    assert cosine([2, 2], [3, 3]) == pytest.approx(1.0)
    assert cosine([0, 0], [1, 1]) == 0.0
