"""RandomDownscaleToTargetPixels: large images become smaller, small ones stay."""

import numpy as np
import pytest
from augment_samples import assert_consistent, assert_equal, sample, seed

from od_api.augment.random_downscale_to_target_pixels import (
    RandomDownscaleToTargetPixels,
)


def test_by_hand():
    """600 of 2400 pixels: half the height and width, and half of every coordinate."""
    augment = RandomDownscaleToTargetPixels(
        min_target_pixels=600, max_target_pixels=601
    )
    before = sample()
    after = augment(before, seed())
    assert after["image"].shape == (20, 30, 3)
    np.testing.assert_allclose(after["boxes"], before["boxes"] / 2)
    np.testing.assert_allclose(after["keypoints"], before["keypoints"] / 2)
    assert_consistent(after)


def test_smaller_images_stay():
    assert_equal(RandomDownscaleToTargetPixels()(sample(), seed()), sample())


def test_random_coef_one_is_never():
    augment = RandomDownscaleToTargetPixels(
        random_coef=1, min_target_pixels=600, max_target_pixels=601
    )
    assert_equal(augment(sample(), seed()), sample())


def test_refused():
    with pytest.raises(ValueError, match="min_target_pixels"):
        RandomDownscaleToTargetPixels(min_target_pixels=0)
