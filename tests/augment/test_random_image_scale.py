"""RandomImageScale: by hand, and the range of the factor."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed, white_box

from od_api.augment.random_image_scale import RandomImageScale


def test_factor_two():
    """40 x 60 becomes 80 x 120, and everything in pixels doubles."""
    before = sample()
    after = RandomImageScale(min_scale_ratio=2, max_scale_ratio=2)(before, seed())
    assert after["image"].shape == (80, 120, 3)
    np.testing.assert_allclose(after["boxes"], 2 * before["boxes"])
    np.testing.assert_allclose(after["keypoints"], 2 * before["keypoints"])
    doubled = np.repeat(np.repeat(before["masks"], 2, 1), 2, 2)
    np.testing.assert_array_equal(after["masks"], doubled)


def test_range_and_shape():
    """Height in 20..40 and width 1.5 times as long, both rounded down."""
    augment = RandomImageScale(min_scale_ratio=0.5, max_scale_ratio=1)
    heights = set()
    for number in range(20):
        after = augment(sample(), seed(number))
        assert_consistent(after)
        h, w, _ = after["image"].shape
        assert 20 <= h <= 40 and abs(w - 1.5 * h) <= 1.5
        heights.add(h)
    assert len(heights) > 5


@pytest.mark.parametrize("number", range(4))
def test_painted_box_moves_along(number):
    after = RandomImageScale()(painted(), seed(number))
    white = white_box(after["image"])
    np.testing.assert_allclose(after["boxes"][0], white, atol=1)


def test_refuses_an_empty_range():
    with pytest.raises(ValueError, match="min_scale_ratio"):
        RandomImageScale(min_scale_ratio=3, max_scale_ratio=2)
