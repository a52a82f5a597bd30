"""Image and ground truth moved together: values by hand, and what goes back."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import (
    assert_equal,
    plain,
    sample,
)

from od_api.augment import _geometry as geometry


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


def test_cut_is_a_view_inside_the_image():
    """Rows 2..12 and columns 3..23, exactly, and of bytes too."""
    before = sample()
    window = (2, 3, 10, 20)
    assert_equal(geometry.cut(before, *window), geometry.view(before, *window))
    pixels = tf.cast(before["image"], tf.uint8)
    after = geometry.cut({**before, "image": pixels}, *window)
    np.testing.assert_array_equal(after["image"], pixels[2:12, 3:23])


def test_there_and_back_is_the_identity():
    """A margin of 3 and 5 pixels around the image, then the image out of it."""
    before = sample()
    larger = geometry.view(before, -3, -5, 46, 70, color=[1.0, 2.0, 3.0])
    assert_equal(geometry.cut(larger, 3, 5, 40, 60), before, atol=1e-5)
    before = {**before, "keypoints": before["keypoints"] + 1}
    assert_equal(geometry.shift(geometry.shift(before, 4, -7), -4, 7), before)


def test_resize_by_hand():
    """40 x 60 to 20 x 120: rows halved, columns doubled; the middle pixel is a mean."""
    before = sample([(8.0, 10.0, 24.0, 30.0)])
    after = geometry.resize(before, 20, 120)
    np.testing.assert_allclose(after["boxes"], [[4, 20, 12, 60]])
    np.testing.assert_allclose(after["keypoints"], [[[8, 40], [4, 20]]])
    assert after["masks"].shape == (1, 20, 120)
    np.testing.assert_allclose(after["image"][:, ::2], before["image"][::2], atol=1e-3)
    mean = (before["image"][::2, :-1] + before["image"][::2, 1:]) / 2
    np.testing.assert_allclose(after["image"][:, 1:-1:2], mean, atol=1e-3)


def test_resize_to_the_same_size_changes_nothing():
    before = sample()
    assert_equal(geometry.resize(before, 40, 60), before, atol=1e-4)


@pytest.mark.parametrize(
    ("factor", "expected"), [(0.5, (20, 30)), (0.99, (39, 59)), (0.001, (1, 1))]
)
def test_scaled_size_is_rounded_down_to_a_pixel_at_least(factor, expected):
    """40 x 60 times .99 is 39.6 x 59.4."""
    assert tuple(int(s) for s in geometry.scaled_size(sample(), factor)) == expected


def test_permuted_keypoints_take_their_visibilities_along():
    before = {**sample(), "keypoint_visibilities": tf.constant([[1, 2], [0, 2]])}
    after = geometry.permute_keypoints(before, [1, 0])
    np.testing.assert_allclose(after["keypoints"], before["keypoints"][:, ::-1])
    np.testing.assert_array_equal(after["keypoint_visibilities"], [[2, 1], [2, 0]])
    assert_equal(geometry.permute_keypoints(after, [1, 0]), before)


def test_gray_is_the_luma():
    """.2989 x 200 + .587 x 100 = 118.48; white stays white up to .9999."""
    gray = geometry.gray(tf.constant([[[200.0, 100.0, 0.0], [255.0, 255.0, 255.0]]]))
    np.testing.assert_allclose(gray, [[[118.48], [254.9745]]], rtol=1e-5)
