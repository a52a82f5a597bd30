"""RandomAbsolutePadImage: fewer rows and columns than the maximum."""

import numpy as np
import pytest
from augment_samples import assert_consistent, assert_equal, painted, seed, white_box

from od_api.augment.random_absolute_pad_image import RandomAbsolutePadImage


def test_size_and_boxes():
    """40 x 60 with up to 4 more rows and 9 more columns."""
    augment = RandomAbsolutePadImage(
        max_height_padding=5, max_width_padding=10, pad_color=[7, 7, 7]
    )
    sizes = []
    for number in range(40):
        after = augment(painted(), seed(number))
        assert_consistent(after)
        np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))
        sizes.append(after["image"].shape[:2])
    heights, widths = zip(*sizes, strict=True)
    assert (min(heights), max(heights)) == (40, 44)
    assert min(widths) >= 60 and 65 < max(widths) <= 69


def test_nothing_to_add():
    """The default, 0, adds nothing."""
    assert_equal(RandomAbsolutePadImage()(painted(), seed()), painted())


def test_refused():
    with pytest.raises(ValueError, match="max_height_padding"):
        RandomAbsolutePadImage(max_height_padding=-1)
