"""RandomPixelValueScale: a factor of its own for each value."""

import numpy as np
from augment_samples import changed

from od_api.augment.random_pixel_value_scale import RandomPixelValueScale


def test_random_pixel_value_scale():
    """Each value has its own factor in 0.5..0.8."""
    augment = RandomPixelValueScale(minval=0.5, maxval=0.8)
    ratio = changed(augment, np.full([8, 8, 3], 100.0)) / 100
    assert ratio.min() >= 0.5 and ratio.max() <= 0.8
    assert len(np.unique(ratio)) > 150
