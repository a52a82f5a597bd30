"""RandomDistortColor: four distortions in two orders."""

import numpy as np
import pytest
from augment_samples import IMAGE, changed, drawn

from od_api.augment.random_distort_color import RandomDistortColor


@pytest.mark.parametrize("ordering", [0, 1])
def test_random_distort_color(ordering):
    """In range, different for each seed, and the two orders differ."""
    results = drawn(RandomDistortColor(color_ordering=ordering), IMAGE, count=3)
    assert results.min() >= 0 and results.max() <= 255
    assert np.abs(results[0] - results[1]).max() > 1
    other = changed(RandomDistortColor(color_ordering=1 - ordering), IMAGE)
    assert np.abs(results[0] - other).max() > 1


def test_random_distort_color_has_two_orders():
    with pytest.raises(ValueError, match="color_ordering is 2"):
        RandomDistortColor(color_ordering=2)
