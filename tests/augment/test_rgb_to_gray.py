"""RGBtoGray: the luma, always."""

import numpy as np
from augment_samples import PIXEL, changed

from od_api.augment.rgb_to_gray import RGBtoGray


def test_rgb_to_gray():
    """Three equal channels with the luma."""
    np.testing.assert_allclose(changed(RGBtoGray(), PIXEL), [[[118.48] * 3]], rtol=1e-5)
