"""AdjustGamma: a power of each value."""

import numpy as np
from augment_samples import changed

from od_api.augment.adjust_gamma import AdjustGamma


def test_adjust_gamma():
    """Gamma 2 of 51 (0.2) is 0.04 x 255 = 10.2; gain 30 clips it at 255."""
    image = [[[0.0, 51.0, 255.0]]]
    result = changed(AdjustGamma(gamma=2), image)
    np.testing.assert_allclose(result, [[[0, 10.2, 255]]], rtol=1e-5)
    result = changed(AdjustGamma(gamma=2, gain=30), image)
    np.testing.assert_allclose(result, [[[0, 255, 255]]])
    np.testing.assert_allclose(changed(AdjustGamma(), image), image, rtol=1e-5)


def test_values_below_zero_are_no_trouble():
    """After a subtracted mean they are taken for 0: 9 is 255 x sqrt(9 / 255)."""
    result = changed(AdjustGamma(gamma=0.5), [[[-5.0, 0.0, 9.0]]])
    np.testing.assert_allclose(result, [[[0, 0, 47.906]]], atol=1e-3)
