"""ResizeImage: every method, and the ground truth with it."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, painted, plain, sample, seed, white_box

from od_api.augment.resize_image import ResizeImage


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # No half-pixel centres: the first of each pair, but for the mean of AREA.
        ("BILINEAR", [0, 20]),
        ("AREA", [5, 25]),
        ("NEAREST_NEIGHBOR", [0, 20]),
    ],
)
def test_by_hand(method, expected):
    """A row 0 10 20 30, half as wide."""
    row = np.repeat(np.array([[0.0, 10.0, 20.0, 30.0]])[..., None], 3, -1)
    augment = ResizeImage(new_height=1, new_width=2, method=method)
    after = augment(plain(row, [[0, 1, 1, 3]]), seed())
    np.testing.assert_allclose(np.asarray(after["image"])[0, :, 0], expected)
    np.testing.assert_allclose(after["boxes"], [[0, 0.5, 1, 1.5]])


def test_bicubic_is_tensorflow_1s():
    before = sample()
    after = ResizeImage(new_height=13, new_width=99, method="BICUBIC")(before, seed())
    bicubic = tf.compat.v1.image.ResizeMethod.BICUBIC
    expected = tf.compat.v1.image.resize_images(before["image"], [13, 99], bicubic)
    np.testing.assert_allclose(after["image"], expected)
    assert_consistent(after)


def test_painted_box_moves_along():
    after = ResizeImage(new_height=80, new_width=30)(painted(), seed())
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]), atol=1)


def test_masks_are_tensorflow_1s_nearest_neighbour():
    before = sample()
    after = ResizeImage(new_height=33, new_width=25)(before, seed())
    expected = tf.compat.v1.image.resize_nearest_neighbor(
        before["masks"][..., None], [33, 25]
    )
    np.testing.assert_array_equal(after["masks"], expected[..., 0])


def test_no_masks_and_no_boxes():
    before = sample(boxes=np.zeros([0, 4], np.float32))
    after = ResizeImage(new_height=33, new_width=25)(before, seed())
    assert after["masks"].shape == (0, 33, 25)
    assert_consistent(after)


def test_refused():
    with pytest.raises(ValueError, match="new_width is 0"):
        ResizeImage(new_height=5)
