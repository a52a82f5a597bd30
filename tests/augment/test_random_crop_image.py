"""RandomCropImage, and the geometry that all crops share."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import (
    assert_consistent,
    assert_equal,
    painted,
    plain,
    sample,
    seed,
    white_box,
)

from od_api.augment import _geometry as geometry
from od_api.augment.random_crop_image import RandomCropImage


def test_view_by_hand():
    """The 4 x 4 window at (-1, 2) of a 4 x 6 image: a black row, then rows 0 to 2."""
    image = np.arange(1, 4 * 6 * 3 + 1).reshape([4, 6, 3])
    after = geometry.view(plain(image, [[1, 1, 3, 5]]), -1, 2, 4, 4)
    np.testing.assert_allclose(after["image"][0], 0)
    np.testing.assert_allclose(after["image"][1:], image[:3, 2:])
    np.testing.assert_allclose(after["boxes"], [[2, -1, 4, 3]])


@pytest.mark.parametrize("corner", [(-50, 0), (50, 0), (0, -70), (0, 70)])
def test_view_beside_the_image(corner):
    """A window without a pixel of the image is all colour."""
    color = tf.constant([1.0, 2.0, 3.0])
    after = geometry.view(sample(), *corner, 7, 9, color)
    np.testing.assert_allclose(after["image"], np.tile([1, 2, 3], [7, 9, 1]))
    assert after["masks"].shape == (2, 7, 9)
    assert geometry.keep_visible(after)["boxes"].shape[0] == 0


@pytest.mark.parametrize(
    ("threshold", "clip", "expected"),
    [
        # Of the boxes' areas 1/4, 1/2 and all are inside; the last one only touches.
        (0.0, True, [[0, 0, 2, 2], [4, 4, 6, 8], [2, 2, 4, 4]]),
        (0.5, True, [[4, 4, 6, 8], [2, 2, 4, 4]]),
        (0.6, True, [[2, 2, 4, 4]]),
        (0.0, False, [[-2, -2, 2, 2], [4, 4, 8, 8], [2, 2, 4, 4]]),
    ],
)
def test_keep_visible_by_hand(threshold, clip, expected):
    """A 6 x 8 image and boxes that stick out of it."""
    boxes = [[-2, -2, 2, 2], [4, 4, 8, 8], [2, 2, 4, 4], [6, 0, 9, 4]]
    after = geometry.keep_visible(plain(np.zeros([6, 8, 3]), boxes), threshold, clip)
    np.testing.assert_allclose(after["boxes"], expected)
    assert after["classes"].shape[0] == len(expected)


def test_keypoints_outside_are_unset():
    """The centre is inside and stays, the corner is cut off: NaN, visibility 0."""
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    after = geometry.keep_visible(geometry.view(before, 12, 5, 20, 30))
    points = np.asarray(after["keypoints"])[0]
    np.testing.assert_allclose(points, [[4, 15], [np.nan, np.nan]])
    np.testing.assert_array_equal(after["keypoint_visibilities"], [[2, 0]])


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
