"""ResizeImage: every method, and the ground truth with it."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, painted, plain, sample, seed, white_box

from od_api.augment.resize_image import ResizeImage


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # Pixels are sampled at their centres: the mean of each pair, or its second.
        ("BILINEAR", [5, 25]),
        ("AREA", [5, 25]),
        ("NEAREST_NEIGHBOR", [10, 30]),
    ],
)
def test_by_hand(method, expected):
    """A row 0 10 20 30, half as wide."""
    row = np.repeat(np.array([[0.0, 10.0, 20.0, 30.0]])[..., None], 3, -1)
    augment = ResizeImage(new_height=1, new_width=2, method=method)
    after = augment(plain(row, [[0, 1, 1, 3]]), seed())
    np.testing.assert_allclose(np.asarray(after["image"])[0, :, 0], expected)
    np.testing.assert_allclose(after["boxes"], [[0, 0.5, 1, 1.5]])


def test_bicubic_is_tensorflows():
    before = sample()
    after = ResizeImage(new_height=13, new_width=99, method="BICUBIC")(before, seed())
    expected = tf.image.resize(before["image"], [13, 99], "bicubic")
    np.testing.assert_allclose(after["image"], expected)
    assert_consistent(after)


def test_painted_box_moves_along():
    after = ResizeImage(new_height=80, new_width=30)(painted(), seed())
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]), atol=1)


def test_masks_are_tensorflows_nearest_neighbour():
    before = sample()
    after = ResizeImage(new_height=33, new_width=25)(before, seed())
    expected = tf.image.resize(before["masks"][..., None], [33, 25], "nearest")
    np.testing.assert_array_equal(after["masks"], expected[..., 0])


def test_refused():
    with pytest.raises(ValueError, match="new size is 5 x 0"):
        ResizeImage(new_height=5)
