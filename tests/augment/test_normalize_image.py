"""NormalizeImage: values from one range to another."""

import numpy as np
import pytest
from augment_samples import changed

from od_api.augment.normalize_image import NormalizeImage


def test_normalize_image():
    """0, 127.5, 255 to -1..1: (v - 0) x 2 / 255 - 1."""
    augment = NormalizeImage(original_maxval=255, target_minval=-1, target_maxval=1)
    result = changed(augment, [[[0.0, 127.5, 255.0]]])
    np.testing.assert_allclose(result, [[[-1, 0, 1]]], atol=1e-6)


def test_normalize_image_needs_a_range():
    with pytest.raises(ValueError, match="original_maxval must be larger"):
        NormalizeImage()
