"""RandomResizeMethod: one size, four methods."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, sample, seed

from od_api.augment.random_resize_method import RandomResizeMethod


def test_four_methods():
    """Many seeds give the old API's four images of the one size."""
    augment = RandomResizeMethod(target_height=20, target_width=90)
    before = sample()["image"]
    methods = tf.compat.v1.image.ResizeMethod
    old = [
        tf.compat.v1.image.resize_images(before, [20, 90], method)
        for method in (
            methods.BILINEAR,
            methods.NEAREST_NEIGHBOR,
            methods.BICUBIC,
            methods.AREA,
        )
    ]
    results = set()
    for number in range(40):
        after = augment(sample(), seed(number))
        assert after["image"].shape == (20, 90, 3)
        same = [np.allclose(after["image"], pixels, atol=1e-3) for pixels in old]
        results.add(same.index(True))
    assert results == {0, 1, 2, 3}


def test_boxes_follow():
    """40 x 60 to 20 x 90: y halved, x times 1.5."""
    before = sample()
    after = RandomResizeMethod(target_height=20, target_width=90)(before, seed())
    np.testing.assert_allclose(after["boxes"], before["boxes"] * [0.5, 1.5, 0.5, 1.5])
    assert_consistent(after)


def test_refused():
    with pytest.raises(ValueError, match="target_height is 0"):
        RandomResizeMethod(target_width=5)
