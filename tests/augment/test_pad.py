"""Random padding: sizes, places, colours and the checks of their fields."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, painted, plain, sample, seed, white_box

from od_api.augment import _pad


@pytest.mark.parametrize("number", range(4))
def test_the_image_lies_inside_of_the_drawn_size(number):
    """Height of [50, 60), width of [61, 62); the box around its white pixels."""
    low, high, color = (50, 61), (60, 62), [9.0, 9.0, 9.0]
    after = _pad.random_pad(painted(), seed(number), low, high, color)
    assert_consistent(after)
    h, w, _ = after["image"].shape
    assert 50 <= h < 60 and w == 61
    np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))
    assert (np.asarray(after["image"])[..., 0] == 9).sum() == h * w - 2400


def test_an_image_larger_than_the_size_stays():
    before = sample()
    after = _pad.random_pad(before, seed(), (10, 10), (20, 20))
    np.testing.assert_allclose(after["image"], before["image"])
    np.testing.assert_allclose(after["boxes"], before["boxes"])


def test_the_mean_colour_by_default():
    """Of a row of (0, 0, 30) and (10, 40, 50): (5, 20, 40)."""
    before = plain([[[0, 0, 30], [10, 40, 50]]], [])
    after = np.asarray(_pad.random_pad(before, seed(), (1, 6), (2, 7))["image"])
    assert after.shape == (1, 6, 3)
    assert ((after == [5, 20, 40]).all(-1)).sum() == 4


def test_check_color():
    assert _pad.check_color([]) is None
    assert _pad.check_color([1, 2, 3]) == [1, 2, 3]
    with pytest.raises(ValueError, match="pad_color has 2 values"):
        _pad.check_color([1, 2])
    with pytest.raises(ValueError, match="pad_color"):
        _pad.check_color([1, 2, float("nan")])


def test_check_ratios():
    assert _pad.check_ratios("ratio", [], (1, 2)) == (1, 2)
    assert _pad.check_ratios("ratio", [0.5, 3], (1, 2)) == (0.5, 3)
    for values in ([1], [1, 0], [1, 101]):
        with pytest.raises(ValueError, match="ratio"):
            _pad.check_ratios("ratio", values, (1, 2))


def test_padded_size_is_rounded_down():
    """40 x 60 times (1.5, 1.01) is 60 x 60.6."""
    size = _pad.padded_size(sample(), tf.constant([1.5, 1.01]))
    assert size.numpy().tolist() == [60, 60]
