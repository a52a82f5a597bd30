"""RandomCropPadImage: a crop inside an image as large as before, or larger."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed, white_box

from od_api.augment.random_crop_pad_image import RandomCropPadImage


@pytest.mark.parametrize("number", range(6))
def test_size_and_boxes(number):
    """Of the uncropped 40 x 60: once to less than twice; box and white together."""
    augment = RandomCropPadImage(min_object_covered=0.5, pad_color=[9, 9, 9])
    after = augment(painted(), seed(number))
    assert_consistent(after)
    h, w, _ = after["image"].shape
    assert 40 <= h < 80 and 60 <= w < 120
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))


def test_ratios():
    """One ratio, 1.5 by 2: exactly 60 x 120."""
    augment = RandomCropPadImage(
        min_padded_size_ratio=[1.5, 2], max_padded_size_ratio=[1.5, 2]
    )
    after = augment(sample(), seed())
    assert after["image"].shape == (60, 120, 3)
    assert_consistent(after)


@pytest.mark.parametrize(
    "settings",
    [{"min_padded_size_ratio": [1]}, {"max_padded_size_ratio": [0, 2]}],
)
def test_refused(settings):
    with pytest.raises(ValueError, match="padded_size_ratio"):
        RandomCropPadImage(**settings)
