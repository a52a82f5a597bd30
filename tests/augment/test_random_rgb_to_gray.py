"""RandomRGBtoGray: the luma, with a probability."""

import numpy as np
import pytest
from augment_samples import PIXEL, drawn

from od_api.augment.random_rgb_to_gray import RandomRGBtoGray


@pytest.mark.parametrize(("probability", "expected"), [(0, 0), (1, 60), (0.5, 30)])
def test_random_rgb_to_gray(probability, expected):
    """0 never, 1 always; gray of (200, 100, 0) is .2989 x 200 + .587 x 100 = 118.48."""
    results = drawn(RandomRGBtoGray(probability=probability), PIXEL)
    gray = np.isclose(results, 118.48, atol=1e-3).all((1, 2, 3))
    np.testing.assert_allclose(results[~gray] - PIXEL, 0)
    assert abs(gray.sum() - expected) <= (0 if probability in (0, 1) else 15)
