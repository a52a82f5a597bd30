"""RandomScaleCropAndPadToSquare: always the same size, the image at many."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed, white_box

from od_api.augment.random_scale_crop_and_pad_to_square import (
    RandomScaleCropAndPadToSquare,
)


def test_scale_one_by_hand():
    """The longer side, 60, becomes 30: everything halved, 10 black rows below."""
    augment = RandomScaleCropAndPadToSquare(output_size=30, scale_min=1, scale_max=1)
    before = sample()
    after = augment(before, seed())
    assert after["image"].shape == (30, 30, 3)
    np.testing.assert_allclose(after["boxes"], before["boxes"] / 2)
    np.testing.assert_array_equal(np.asarray(after["image"])[20:], 0)
    # Every other pixel, since there are no half-pixel centres.
    np.testing.assert_allclose(after["image"][:20], before["image"][::2, ::2])
    assert_consistent(after)


@pytest.mark.parametrize("number", range(8))
def test_painted_box_moves_along(number):
    """At scales up to 2; what is cut off is cut off the box as well."""
    augment = RandomScaleCropAndPadToSquare(output_size=60, scale_min=0.5)
    after = augment(painted(), seed(number))
    assert_consistent(after)
    assert after["image"].shape == (60, 60, 3)
    white = white_box(after["image"])
    if white is None:
        assert after["boxes"].shape[0] == 0
    else:
        np.testing.assert_allclose(after["boxes"][0], white, atol=1)


def test_refused():
    with pytest.raises(ValueError, match="scale_min"):
        RandomScaleCropAndPadToSquare(scale_min=0)
