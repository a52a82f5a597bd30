"""The augmentations that change nothing but pixel values, a named test each."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import plain, sample, seed

from od_api.augment.adjust_gamma import AdjustGamma
from od_api.augment.normalize_image import NormalizeImage
from od_api.augment.random_adjust_brightness import RandomAdjustBrightness
from od_api.augment.random_adjust_contrast import RandomAdjustContrast
from od_api.augment.random_adjust_hue import RandomAdjustHue
from od_api.augment.random_adjust_saturation import RandomAdjustSaturation
from od_api.augment.random_black_patches import RandomBlackPatches
from od_api.augment.random_distort_color import RandomDistortColor
from od_api.augment.random_jpeg_quality import RandomJpegQuality
from od_api.augment.random_patch_gaussian import RandomPatchGaussian
from od_api.augment.random_pixel_value_scale import RandomPixelValueScale
from od_api.augment.random_rgb_to_gray import RandomRGBtoGray
from od_api.augment.rgb_to_gray import RGBtoGray
from od_api.augment.subtract_channel_mean import SubtractChannelMean


def changed(augment, pixels, number=0):
    """[...] pixels -> the pixels after the augmentation, as numpy."""
    before = plain(np.asarray(pixels, np.float32), [[0, 0, 1, 1]])
    after = augment(before, seed(number))
    for name in before:
        if name != "image":
            assert after[name] is before[name]
    return np.asarray(after["image"])


def drawn(augment, pixels, count=60):
    """The results of several seeds, stacked."""
    return np.stack([changed(augment, pixels, number) for number in range(count)])


PIXEL = [[[200.0, 100.0, 0.0]]]
IMAGE = np.asarray(sample()["image"])


def test_normalize_image():
    """0, 127.5, 255 to -1..1: (v - 0) x 2 / 255 - 1."""
    augment = NormalizeImage(original_maxval=255, target_minval=-1, target_maxval=1)
    result = changed(augment, [[[0.0, 127.5, 255.0]]])
    np.testing.assert_allclose(result, [[[-1, 0, 1]]], atol=1e-6)


def test_normalize_image_needs_a_range():
    with pytest.raises(ValueError, match="original_maxval must be larger"):
        NormalizeImage()


def test_random_pixel_value_scale():
    """Each value has its own factor in 0.5..0.8."""
    augment = RandomPixelValueScale(minval=0.5, maxval=0.8)
    ratio = changed(augment, np.full([8, 8, 3], 100.0)) / 100
    assert ratio.min() >= 0.5 and ratio.max() <= 0.8
    assert len(np.unique(ratio)) > 150


@pytest.mark.parametrize(("probability", "expected"), [(0, 0), (1, 60), (0.5, 30)])
def test_random_rgb_to_gray(probability, expected):
    """0 never, 1 always; gray of (200, 100, 0) is .2989 x 200 + .587 x 100 = 118.48."""
    results = drawn(RandomRGBtoGray(probability=probability), PIXEL)
    gray = np.isclose(results, 118.48, atol=1e-3).all((1, 2, 3))
    np.testing.assert_allclose(results[~gray] - PIXEL, 0)
    assert abs(gray.sum() - expected) <= (0 if probability in (0, 1) else 15)


def test_rgb_to_gray():
    """Three equal channels with the luma."""
    np.testing.assert_allclose(changed(RGBtoGray(), PIXEL), [[[118.48] * 3]], rtol=1e-5)


def test_random_adjust_brightness():
    """One number for all values, in +-0.1 x 255, clipped."""
    results = drawn(RandomAdjustBrightness(max_delta=0.1), [[[100.0, 150.0, 255.0]]])
    delta = results[:, 0, 0, 0] - 100
    assert np.abs(delta).max() <= 25.5 and delta.min() < -5 and delta.max() > 5
    np.testing.assert_allclose(results[:, 0, 0, 1] - 150, delta, atol=1e-3)
    assert results.max() <= 255


def test_random_adjust_contrast():
    """Around the mean 100: 80 and 120 become 100 -+ 20 f with f in 0.5..1.5."""
    image = [[[80.0] * 3, [120.0] * 3]]
    results = drawn(RandomAdjustContrast(min_delta=0.5, max_delta=1.5), image)
    factor = (results[:, 0, 1, 0] - 100) / 20
    assert factor.min() >= 0.5 and factor.max() <= 1.5 and np.ptp(factor) > 0.5
    np.testing.assert_allclose(results[:, 0, 0, 0], 100 - 20 * factor, atol=1e-2)


def test_random_adjust_hue():
    """Half the circle at most; the largest and smallest values stay (V and S)."""
    results = drawn(RandomAdjustHue(max_delta=0.5), PIXEL)
    np.testing.assert_allclose(results.max(-1), 200, atol=1e-2)
    np.testing.assert_allclose(results.min(-1), 0, atol=1e-2)
    assert len(np.unique(results.argmax(-1))) == 3
    np.testing.assert_allclose(changed(RandomAdjustHue(max_delta=0), PIXEL), PIXEL)


def test_random_adjust_saturation():
    """Factor 0 is gray (the largest value), 1 the same image, between them between."""
    gray = changed(RandomAdjustSaturation(min_delta=0, max_delta=0), PIXEL)
    np.testing.assert_allclose(gray, [[[200] * 3]], atol=1e-2)
    same = changed(RandomAdjustSaturation(min_delta=1, max_delta=1), PIXEL)
    np.testing.assert_allclose(same, PIXEL, atol=1e-2)
    results = drawn(RandomAdjustSaturation(min_delta=0.2, max_delta=0.9), PIXEL)
    blue = results[..., 2]
    assert blue.min() >= 20 - 0.1 and blue.max() <= 160 + 0.1


@pytest.mark.parametrize("ordering", [0, 1])
def test_random_distort_color(ordering):
    """In range, different for each seed, and the two orders differ."""
    results = drawn(RandomDistortColor(color_ordering=ordering), IMAGE, count=3)
    assert results.min() >= 0 and results.max() <= 255
    assert np.abs(results[0] - results[1]).max() > 1
    other = changed(RandomDistortColor(color_ordering=1 - ordering), IMAGE)
    assert np.abs(results[0] - other).max() > 1


def test_random_distort_color_has_two_orders():
    with pytest.raises(ValueError, match="color_ordering is 2"):
        RandomDistortColor(color_ordering=2)


def test_random_black_patches():
    """A tenth of 40 is 4: one certain patch blackens 4 x 4 pixels, and nothing else."""
    augment = RandomBlackPatches(max_black_patches=1, probability=1)
    result = changed(augment, np.full([40, 60, 3], 9.0))
    ys, xs = np.where(result[..., 0] == 0)
    assert len(ys) == 16
    assert np.ptp(ys) == 3 and np.ptp(xs) == 3
    assert (result[..., 0] == 9).sum() == 40 * 60 - 16


def test_random_black_patches_never():
    """Neither with probability 0 nor with no patch to try."""
    for settings in ({"probability": 0}, {"max_black_patches": 0}):
        augment = RandomBlackPatches(**settings)
        np.testing.assert_array_equal(changed(augment, IMAGE), IMAGE)


def test_subtract_channel_mean():
    result = changed(SubtractChannelMean(means=[1, 2, 3]), PIXEL)
    np.testing.assert_allclose(result, [[[199, 98, -3]]])
    with pytest.raises(ValueError, match="means has 0 values"):
        SubtractChannelMean()


def test_random_jpeg_quality():
    """A low quality costs more than a high one; random_coef 1 costs nothing."""
    low = changed(RandomJpegQuality(min_jpeg_quality=5, max_jpeg_quality=6), IMAGE)
    high = changed(RandomJpegQuality(min_jpeg_quality=99, max_jpeg_quality=100), IMAGE)
    assert np.abs(low - IMAGE).mean() > np.abs(high - IMAGE).mean() > 0
    same = changed(RandomJpegQuality(random_coef=1), IMAGE)
    np.testing.assert_array_equal(same, IMAGE)


def test_random_patch_gaussian():
    """One square of 7 pixels at most is changed; random_coef 1 changes nothing."""
    noise = {"min_gaussian_stddev": 0.5, "max_gaussian_stddev": 0.6}
    sizes = {"min_patch_size": 7, "max_patch_size": 8}
    augment = RandomPatchGaussian(**sizes, **noise)
    for number in range(5):
        result = changed(augment, np.full([40, 60, 3], 100.0), number)
        assert result.min() >= 0 and result.max() <= 255
        ys, xs = np.where((result != 100).any(-1))
        assert 0 <= np.ptp(ys) <= 6 and 0 <= np.ptp(xs) <= 6
    same = changed(RandomPatchGaussian(random_coef=1), IMAGE)
    np.testing.assert_array_equal(same, IMAGE)


def test_adjust_gamma():
    """Gamma 2 of 51 (0.2) is 0.04 x 255 = 10.2; gain 30 clips it at 255."""
    image = [[[0.0, 51.0, 255.0]]]
    result = changed(AdjustGamma(gamma=2), image)
    np.testing.assert_allclose(result, [[[0, 10.2, 255]]], rtol=1e-5)
    result = changed(AdjustGamma(gamma=2, gain=30), image)
    np.testing.assert_allclose(result, [[[0, 255, 255]]])
    np.testing.assert_allclose(changed(AdjustGamma(), image), image, rtol=1e-5)


def test_values_below_zero_are_no_trouble():
    """After a subtracted mean, gamma and JPEG get negative values."""
    image = tf.constant([[[-5.0, 3.0, 9.0]]])
    for augment in (AdjustGamma(gamma=0.5), RandomJpegQuality()):
        assert np.isfinite(changed(augment, image)).all()
