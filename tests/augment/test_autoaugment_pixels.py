"""The AutoAugment operations on pixels, by hand and as Pillow has them."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import (
    seed,
    white_box,
)

from od_api.augment import _autoaugment_pixels as pixels


def three(values):
    """[h, w] numbers as a gray image [h, w, 3]."""
    return tf.constant(np.repeat(np.asarray(values, np.float32)[..., None], 3, -1))


def one(image):
    """The first channel of an image."""
    return np.asarray(image)[..., 0].tolist()


@pytest.mark.parametrize(
    ("operation", "level", "values", "expected"),
    [
        # 2 bits (0.4 x 5): multiples of 64.
        (pixels.posterize, 5, [[63, 64, 130, 255]], [[0, 64, 128, 192]]),
        # One bit at least.
        (pixels.posterize, 0, [[127, 128]], [[0, 128]]),
        # Inverted from 0.5 x 256 = 128 up.
        (pixels.solarize, 5, [[10, 127, 128, 250]], [[10, 127, 127, 5]]),
        # 110 added below 128.
        (pixels.solarize_add, 10, [[10, 127, 128]], [[120, 237, 128]]),
        # Stretched: (v - 50) x 255 / 100, rounded down.
        (pixels.auto_contrast, 0, [[50, 100, 150]], [[0, 127, 255]]),
        (pixels.auto_contrast, 0, [[50, 50, 50]], [[50, 50, 50]]),
        # Times 1 and times 1.9.
        (pixels.brightness, 5, [[10, 200]], [[10, 200]]),
        (pixels.brightness, 10, [[10, 200]], [[19, 255]]),
        # Gray stays gray.
        (pixels.color, 10, [[10, 200]], [[10, 200]]),
        # Around 2 pixels / 256 = 0: as brightness.
        (pixels.contrast, 10, [[10, 200]], [[19, 255]]),
        (pixels.flip, 0, [[1, 2, 3]], [[3, 2, 1]]),
    ],
)
def test_pixel_operation(operation, level, values, expected):
    """Values with a step each, see the comments; f is 1.8 level / 10 + 0.1."""
    np.testing.assert_allclose(one(operation(three(values), seed(), level)), expected)


def test_color_moves_away_from_gray():
    """Luma of (200, 100, 0) is 118.48, so 118; 118 + 1.9 x (v - 118) and clipped."""
    image = tf.constant([[[200.0, 100.0, 0.0]]])
    result = np.asarray(pixels.color(image, seed(), 10))[0, 0]
    np.testing.assert_allclose(result, [255, 83, 0])


def test_sharpness_keeps_the_rim():
    """The centre of a 3x3 spike is smoothed to 5 x 130 / 13 = 50; the rim stays."""
    spike = np.zeros([3, 3])
    spike[1, 1] = 130
    result = np.asarray(pixels.sharpness(three(spike), seed(), 0))[..., 0]
    # 50 + 0.1 x (130 - 50)
    assert result[1, 1] == 58
    assert result.sum() == 58


def test_equalize_is_pil_equalize():
    """Pillow's ImageOps.equalize on a random image."""
    from PIL import Image, ImageOps

    image = np.random.default_rng(0).integers(20, 120, [37, 41, 3]).astype(np.uint8)
    expected = np.asarray(ImageOps.equalize(Image.fromarray(image)))
    result = pixels.equalize(tf.constant(image, tf.float32), seed(), 10)
    np.testing.assert_array_equal(np.asarray(result), expected)


def test_cutout_is_a_gray_square():
    """Level 1: up to 20 pixels a side, all of it 128 and the rest untouched."""
    image = three(np.zeros([60, 60]))
    result = np.asarray(pixels.cutout(image, seed(1), 1))
    assert set(np.unique(result)) == {0.0, 128.0}
    box = white_box(result)
    assert (box[2:] - box[:2] <= 20).all()
    area = np.prod(box[2:] - box[:2])
    assert (result[..., 0] == 128).sum() == area


def test_operations_are_pillows():
    """ImageOps' posterize to 2 bits, solarize from 128 and autocontrast."""
    from PIL import Image, ImageOps

    image = np.random.default_rng(0).integers(20, 120, [37, 41, 3]).astype(np.uint8)
    image[:5] += 100
    pillow = Image.fromarray(image)
    floats = tf.constant(image, tf.float32)
    for ours, theirs in (
        (pixels.posterize(floats, seed(), 5), ImageOps.posterize(pillow, 2)),
        (pixels.solarize(floats, seed(), 5), ImageOps.solarize(pillow, 128)),
    ):
        np.testing.assert_array_equal(ours, np.asarray(theirs))
    stretched = pixels.auto_contrast(floats, seed(), 0)
    assert np.abs(stretched - np.asarray(ImageOps.autocontrast(pillow))).max() <= 1


def test_whole_is_what_a_byte_holds():
    """-3 becomes 0, 12.9 becomes 12, 300 becomes 255."""
    np.testing.assert_array_equal(pixels.whole([-3.0, 12.9, 300.0]), [0, 12, 255])


def test_gray_rectangle_is_cut_at_the_border():
    """Rows 3 - 2 to 3 + 2 of 4 and columns 0 - 1 to 0 + 1: 3 x 1 pixels."""
    image = pixels.gray_rectangle(three(np.zeros([4, 5])), (3, 0), (2, 1))
    expected = np.zeros([4, 5])
    expected[1:, 0] = 128
    np.testing.assert_array_equal(np.asarray(image)[..., 0], expected)
