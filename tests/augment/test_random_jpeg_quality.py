"""RandomJpegQuality: compressed and read again."""

import numpy as np
from augment_samples import IMAGE, changed

from od_api.augment.random_jpeg_quality import RandomJpegQuality


def test_random_jpeg_quality():
    """A low quality costs more than a high one; random_coef 1 costs nothing."""
    low = changed(RandomJpegQuality(min_jpeg_quality=5, max_jpeg_quality=6), IMAGE)
    high = changed(RandomJpegQuality(min_jpeg_quality=99, max_jpeg_quality=100), IMAGE)
    assert np.abs(low - IMAGE).mean() > np.abs(high - IMAGE).mean() > 0
    same = changed(RandomJpegQuality(random_coef=1), IMAGE)
    np.testing.assert_array_equal(same, IMAGE)


def test_values_outside_of_bytes_are_no_trouble():
    """After a subtracted mean or a gain: encoded as 0 and 255, as finite as ever."""
    result = changed(RandomJpegQuality(min_jpeg_quality=100), np.full([8, 8, 3], -5.0))
    np.testing.assert_allclose(result, 0)
    result = changed(RandomJpegQuality(min_jpeg_quality=100), np.full([8, 8, 3], 999.0))
    np.testing.assert_allclose(result, 255)
