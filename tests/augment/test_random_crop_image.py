"""RandomCropImage: the rule it keeps, and when the image stays whole."""

import numpy as np
import pytest
from augment_samples import (
    assert_consistent,
    assert_equal,
    painted,
    plain,
    sample,
    seed,
    white_box,
)

from od_api.augment.random_crop_image import RandomCropImage


@pytest.mark.parametrize("number", range(8))
def test_crop_keeps_the_rule(number):
    """Area, aspect ratio and cover of the crop, by the image's size and its white."""
    augment = RandomCropImage(
        min_object_covered=0.6, min_area=0.2, max_area=0.7, overlap_thresh=0.5
    )
    after = augment(painted(), seed(number))
    assert_consistent(after)
    h, w, _ = after["image"].shape
    assert 0.18 <= h * w / 2400 <= 0.72
    assert 0.7 <= w / h <= 1.4
    white = white_box(after["image"])
    assert np.prod(white[2:] - white[:2]) >= 0.6 * 16 * 20 - 20
    np.testing.assert_allclose(after["boxes"][0], white)


def test_random_coef_one_leaves_the_image():
    before = sample()
    assert_equal(RandomCropImage(random_coef=1)(before, seed()), before)


def test_random_coef_is_a_probability():
    augment = RandomCropImage(random_coef=0.5, max_area=0.5, min_object_covered=0.1)
    whole = sum(
        augment(painted(), seed(n))["image"].shape == (40, 60, 3) for n in range(40)
    )
    assert 8 <= whole <= 32


def test_impossible_rule_keeps_the_image():
    """No window of half the area holds a box of the whole image."""
    before = plain(np.ones([40, 60, 3]), [[0, 0, 40, 60]])
    assert_equal(RandomCropImage(max_area=0.5)(before, seed()), before)


def test_without_boxes():
    """The image is the object: a quarter of it can be covered, all of it cannot."""
    after = RandomCropImage(min_object_covered=0.25, max_area=0.5)(sample([]), seed())
    assert_consistent(after)
    assert 0.24 * 2400 < np.prod(after["image"].shape[:2]) < 0.6 * 2400
    after = RandomCropImage(max_area=0.5)(sample([]), seed())
    assert after["image"].shape == (40, 60, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_area": 0.5, "max_area": 0.4},
        {"max_area": 2.0},
        {"min_area": 0.0},
        {"min_aspect_ratio": 0.0},
        {"min_aspect_ratio": 2.0},
        {"overlap_thresh": 1.5},
    ],
)
def test_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        RandomCropImage(**settings)
