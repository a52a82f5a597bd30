"""Small masks in their boxes become masks of the image."""

import numpy as np
import tensorflow as tf

from od_api.pictures.paste_masks import paste_masks


def test_by_hand():
    """A box of columns 2..4 of 5, in which column c of the image is at c / 4 of it.

    The box is 0.4..0.8, so columns 2 and 3, at 0.5 and 0.75, are at 0.25 and 0.875 of
    the mask 0 1, which is as much there; columns 1 and 4 are outside.
    """
    mask, box = [[[0.0, 1.0]]], [[0, 2, 1, 4]]
    kwargs = {"masks": np.array(mask), "boxes": np.array(box), "image_shape": (1, 5)}
    assert paste_masks(**kwargs).tolist() == [[[0, 0, 0, 1, 0]]]
    assert paste_masks(**kwargs, threshold=0.2).tolist() == [[[0, 0, 1, 1, 0]]]
    assert paste_masks(**kwargs, threshold=0.9).tolist() == [[[0] * 5]]


def test_kernel_is_the_oracle():
    """Crop the whole image, seen from each box, out of the box's mask."""
    rng = np.random.default_rng(0)
    masks = rng.uniform(size=(12, 15, 9)).astype(np.float32)
    low = rng.uniform(-10, 40, (12, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 40, (12, 2))], axis=1)
    start, extent = np.split(boxes / [48, 64, 48, 64], 2, axis=1)
    extent -= start
    seen = np.concatenate([-start / extent, (1 - start) / extent], axis=1)
    wanted = tf.image.crop_and_resize(
        masks[..., None], tf.cast(seen, tf.float32), tf.range(12), (48, 64)
    )[..., 0].numpy()
    made = paste_masks(masks, boxes, (48, 64))
    assert made.dtype == np.uint8 and made.shape == (12, 48, 64)
    sure = np.abs(wanted - 0.5) > 1e-3
    np.testing.assert_array_equal(made[sure], wanted[sure] > 0.5)
    assert 0.02 < made.mean() < 0.5


def test_whole_image():
    made = paste_masks(np.ones((1, 3, 3)), np.array([[0, 0, 20, 30]]), (20, 30))
    assert made.all()


def test_boxes_without_pixels():
    """No height, outside of the image, upside down: no pixel and no error."""
    boxes = np.array([[5, 5, 5, 9], [-9, 0, -2, 9], [30, 0, 40, 9], [9, 2, 4, 8]])
    made = paste_masks(np.ones((4, 3, 3)), boxes, (20, 20))
    assert not made.any()


def test_none():
    made = paste_masks(np.zeros((0, 3, 3)), np.zeros((0, 4)), (20, 30))
    assert made.shape == (0, 20, 30)
