"""Decays of scores, by hand."""

import numpy as np
import pytest

from od_api.core.ranges import RangeError
from od_api.suppressions._decay import Decay

OVERLAPS = np.float32([0, 0.5, 0.7, 1])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("HARD", [0, 0, 0, 0]),
        ("LINEAR", [1, 0.5, 0.3, 0]),
        # exp(-.25 / .5), exp(-.49 / .5), exp(-1 / .5)
        ("GAUSSIAN", [1, 0.606531, 0.375311, 0.135335]),
    ],
)
def test_values(kind, expected):
    np.testing.assert_allclose(Decay(kind)(OVERLAPS), expected, rtol=1e-5)


def test_sigma_is_the_paper_s():
    """exp(-.25 / 1)."""
    np.testing.assert_allclose(Decay("GAUSSIAN", 1.0)(OVERLAPS)[1], 0.778801, rtol=1e-6)


def test_sigma_of_another_kind_is_refused():
    with pytest.raises(RangeError, match="no effect on a decay of LINEAR"):
        Decay("LINEAR", 0.5)
    with pytest.raises(RangeError, match="above 0"):
        Decay("GAUSSIAN", 0.0)
