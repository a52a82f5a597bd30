"""RandomAdjustBrightness: one number added to all values."""

import numpy as np
from augment_samples import drawn

from od_api.augment.random_adjust_brightness import RandomAdjustBrightness


def test_random_adjust_brightness():
    """One number for all values, in +-0.1 x 255, clipped."""
    results = drawn(RandomAdjustBrightness(max_delta=0.1), [[[100.0, 150.0, 255.0]]])
    delta = results[:, 0, 0, 0] - 100
    assert np.abs(delta).max() <= 25.5 and delta.min() < -5 and delta.max() > 5
    np.testing.assert_allclose(results[:, 0, 0, 1] - 150, delta, atol=1e-3)
    assert results.max() <= 255
