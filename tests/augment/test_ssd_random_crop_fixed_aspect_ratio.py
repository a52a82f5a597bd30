"""SSDRandomCropFixedAspectRatio: every result has the one shape."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, seed, white_box

from od_api.augment.ssd_random_crop_fixed_aspect_ratio import (
    SSDRandomCropFixedAspectRatio,
    SSDRandomCropFixedAspectRatioOperation,
)


@pytest.mark.parametrize("aspect_ratio", [1.0, 2.0])
def test_aspect_ratio(aspect_ratio):
    """Up to one pixel, also where no crop was made; boxes stay on the white."""
    augment = SSDRandomCropFixedAspectRatio(aspect_ratio=aspect_ratio)
    for number in range(12):
        after = augment(painted(), seed(number))
        assert_consistent(after)
        h, w, _ = after["image"].shape
        assert abs(w - aspect_ratio * h) <= aspect_ratio
        if after["boxes"].shape[0]:
            np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


def test_given_operation():
    """Areas up to 0.2 of 2400 pixels, by a square."""
    operation = SSDRandomCropFixedAspectRatioOperation(max_area=0.2)
    augment = SSDRandomCropFixedAspectRatio(operations=[operation])
    for number in range(5):
        h, w, _ = augment(painted(), seed(number))["image"].shape
        assert h == w and h * w <= 0.22 * 2400


def test_refused():
    with pytest.raises(ValueError, match="aspect_ratio"):
        SSDRandomCropFixedAspectRatio(aspect_ratio=0)
