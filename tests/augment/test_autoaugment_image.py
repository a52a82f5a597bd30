"""AutoAugmentImage: inside of boxes, seeds, names of policies."""

import numpy as np
import pytest
from augment_samples import (
    assert_equal,
    plain,
    sample,
    seed,
    white_box,
)

from od_api.augment import _autoaugment_pixels as pixels
from od_api.augment import autoaugment_image
from od_api.augment.autoaugment_image import AutoAugmentImage


@pytest.mark.parametrize("name", sorted(autoaugment_image._INSIDE_BOXES))
def test_operation_inside_boxes_leaves_the_rest(name, monkeypatch):
    """With certainty for each box, every pixel outside of the box stays."""
    monkeypatch.setattr(autoaugment_image, "_BOX_PROBABILITY", 1.0)
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    before["image"] = pixels.whole(before["image"])
    after = autoaugment_image._apply(before, seed(), name, 1.0, 4)
    changed = (np.asarray(after["image"]) != np.asarray(before["image"])).any(-1)
    assert changed.any()
    # The box's rows 8..24 and columns 10..30, both included, as in the published code.
    changed[8:25, 10:31] = False
    assert not changed.any()
    np.testing.assert_array_equal(after["boxes"], before["boxes"])


def test_cutout_in_a_box_is_centred_inside_of_it():
    """Level 10 of a 16 x 20 box (17 x 21 pixels): half sizes 6 and 7, all 128."""
    before = plain(np.zeros([60, 80, 3]), [[20, 30, 36, 50]])
    after = autoaugment_image._apply(before, seed(), "BBox_Cutout", 1.0, 10)
    box = white_box(after["image"])
    np.testing.assert_array_equal(box[2:] - box[:2], [12, 14])
    center = (box[:2] + box[2:]) / 2
    assert (center >= [20, 30]).all() and (center <= [37, 51]).all()


def test_seed_decides():
    """The same seed, the same result; other seeds, other results."""
    augment = AutoAugmentImage(policy_name="test")
    wide = sample(size=(40, 160))
    assert_equal(augment(wide, seed(1)), augment(wide, seed(1)))
    others = [np.asarray(augment(wide, seed(n))["image"]) for n in range(6)]
    assert len({other.tobytes() for other in others}) == 2  # to the left, to the right


def test_unknown_policy():
    with pytest.raises(ValueError, match="policy_name is v9"):
        AutoAugmentImage(policy_name="v9")
