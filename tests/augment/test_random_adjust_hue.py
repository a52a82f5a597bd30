"""RandomAdjustHue: hues turned, values kept."""

import numpy as np
from augment_samples import PIXEL, changed, drawn

from od_api.augment.random_adjust_hue import RandomAdjustHue


def test_random_adjust_hue():
    """Half the circle at most; the largest and smallest values stay (V and S)."""
    results = drawn(RandomAdjustHue(max_delta=0.5), PIXEL)
    np.testing.assert_allclose(results.max(-1), 200, atol=1e-2)
    np.testing.assert_allclose(results.min(-1), 0, atol=1e-2)
    assert len(np.unique(results.argmax(-1))) == 3
    np.testing.assert_allclose(changed(RandomAdjustHue(max_delta=0), PIXEL), PIXEL)
