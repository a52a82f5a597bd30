"""RandomCropToAspectRatio: the shape, and as large as possible."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed

from od_api.augment.random_crop_to_aspect_ratio import RandomCropToAspectRatio


@pytest.mark.parametrize(
    ("aspect_ratio", "size"),
    [(1.0, (40, 40)), (1.5, (40, 60)), (3.0, (20, 60)), (0.5, (40, 20))],
)
def test_size(aspect_ratio, size):
    """Of 40 x 60: a larger ratio cuts rows (60 / 3), a smaller columns (40 x .5)."""
    augment = RandomCropToAspectRatio(aspect_ratio=aspect_ratio)
    for number in range(4):
        after = augment(sample(), seed(number))
        assert after["image"].shape[:2] == size
        assert_consistent(after)


def test_boxes_are_clipped_or_dropped():
    """A 16 x 20 box at 10..30 in a 40 x 20 window at x: 20 - |x - 10| columns remain.

    Fewer than 0.3 x 20 = 6 of them drop the box.
    """
    augment = RandomCropToAspectRatio(aspect_ratio=0.5)
    dropped = 0
    for number in range(30):
        after = augment(painted(), seed(number))
        columns = (np.asarray(after["image"])[10, :, 0] > 0).sum()
        if after["boxes"].shape[0]:
            box = np.asarray(after["boxes"])[0]
            assert box[3] - box[1] == columns >= 6
            np.testing.assert_allclose(box[[0, 2]], [8, 24])
        else:
            assert columns < 6
            dropped += 1
    assert 0 < dropped < 30


def test_unclipped():
    """clip_boxes false keeps the whole box, whatever is cut off."""
    augment = RandomCropToAspectRatio(
        aspect_ratio=0.5, clip_boxes=False, overlap_thresh=0
    )
    for number in range(10):
        boxes = np.asarray(augment(painted(), seed(number))["boxes"])
        np.testing.assert_allclose(boxes[:, 3] - boxes[:, 1], 20)


def test_refused():
    with pytest.raises(ValueError, match="aspect_ratio is 0"):
        RandomCropToAspectRatio(aspect_ratio=0)
