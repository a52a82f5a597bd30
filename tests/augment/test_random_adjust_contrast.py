"""RandomAdjustContrast: one factor of the distance from the mean."""

import numpy as np
from augment_samples import drawn

from od_api.augment.random_adjust_contrast import RandomAdjustContrast


def test_random_adjust_contrast():
    """Around the mean 100: 80 and 120 become 100 -+ 20 f with f in 0.5..1.5."""
    image = [[[80.0] * 3, [120.0] * 3]]
    results = drawn(RandomAdjustContrast(min_delta=0.5, max_delta=1.5), image)
    factor = (results[:, 0, 1, 0] - 100) / 20
    assert factor.min() >= 0.5 and factor.max() <= 1.5 and np.ptp(factor) > 0.5
    np.testing.assert_allclose(results[:, 0, 0, 0], 100 - 20 * factor, atol=1e-2)
