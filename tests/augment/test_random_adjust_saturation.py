"""RandomAdjustSaturation: between gray and the image."""

import numpy as np
from augment_samples import PIXEL, changed, drawn

from od_api.augment.random_adjust_saturation import RandomAdjustSaturation


def test_random_adjust_saturation():
    """Factor 0 is gray (the largest value), 1 the same image, between them between."""
    gray = changed(RandomAdjustSaturation(min_delta=0, max_delta=0), PIXEL)
    np.testing.assert_allclose(gray, [[[200] * 3]], atol=1e-2)
    same = changed(RandomAdjustSaturation(min_delta=1, max_delta=1), PIXEL)
    np.testing.assert_allclose(same, PIXEL, atol=1e-2)
    results = drawn(RandomAdjustSaturation(min_delta=0.2, max_delta=0.9), PIXEL)
    blue = results[..., 2]
    assert blue.min() >= 20 - 0.1 and blue.max() <= 160 + 0.1
