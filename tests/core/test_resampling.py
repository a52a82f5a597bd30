"""The pixels of the old API's image resizing."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core import resampling

RAMP = np.arange(36, dtype=np.float32).reshape(6, 6, 1)


def test_bilinear_has_no_half_pixel_centres():
    """Output pixel i samples input i * 6 / 4: 0, 1.5, 3, 4.5 in the first row."""
    resized = resampling.resample(RAMP, (4, 4))
    np.testing.assert_allclose(resized[0, :, 0], [0, 1.5, 3, 4.5])
    np.testing.assert_allclose(resized[:, 0, 0], [0, 9, 18, 27])


def test_aligned_corners():
    """Output pixel i samples input i * 5 / 3: columns 0, 5/3, 10/3, 5."""
    resized = resampling.resample(RAMP, (4, 4), align_corners=True)
    np.testing.assert_allclose(resized[0, :, 0], [0, 5 / 3, 10 / 3, 5], rtol=1e-6)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("method", ["BILINEAR", "NEAREST_NEIGHBOR", "BICUBIC", "AREA"])
def test_agrees_with_tf1_resize(method, align_corners):
    image = np.random.default_rng(0).uniform(0, 255, (17, 23, 3)).astype(np.float32)
    for size in [(9, 31), (40, 12), (17, 23)]:
        old = tf.compat.v1.image.resize_images(
            image,
            size,
            getattr(tf.compat.v1.image.ResizeMethod, method),
            align_corners=align_corners,
        )
        ours = resampling.resample(image, size, method, align_corners)
        np.testing.assert_allclose(ours, old, atol=1e-4)


def test_unknown_method_is_named():
    with pytest.raises(ValueError, match="'LANCZOS' does not exist; one of BILINEAR"):
        resampling.check_method("LANCZOS")


def test_masks_stay_zero_or_one():
    masks = (np.random.default_rng(1).uniform(size=(3, 7, 9)) > 0.5).astype(np.uint8)
    resized = resampling.resample_masks(masks, (13, 5))
    assert resized.shape == (3, 13, 5) and resized.dtype == tf.uint8
    assert set(np.unique(resized)) == {0, 1}
    assert resampling.resample_masks(masks[:0], (13, 5)).shape == (0, 13, 5)


def test_padding_has_its_own_colour_and_leaves_the_image_alone():
    image = np.full((2, 3, 3), 0.1, np.float32)
    padded = resampling.pad_to(image, (3, 4), [1.0, 2.0, 3.0]).numpy()
    np.testing.assert_array_equal(padded[:2, :3], image)
    np.testing.assert_array_equal(padded[2], [[1, 2, 3]] * 4)
    np.testing.assert_array_equal(padded[:, 3], [[1, 2, 3]] * 3)


def test_gray_is_luma_three_times():
    """0.2989 * 100 + 0.587 * 10 + 0.114 * 1 = 35.874."""
    gray = resampling.to_gray(tf.constant([[[100.0, 10.0, 1.0]]]))
    np.testing.assert_allclose(gray, [[[35.874] * 3]], rtol=1e-5)
