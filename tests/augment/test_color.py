"""Changes of colour: values by hand, ranges, and the setting that changes nothing."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import IMAGE, seed

from od_api.augment import _color as color

GRAYS = tf.constant([[[80.0] * 3, [120.0] * 3]])


def test_brightness_adds_a_part_of_255():
    """One number between -.1 and .1 of 255 for all values; 250 ends at 255."""
    for number in range(10):
        after = np.asarray(color.brightness(GRAYS, seed(number), 0.1))
        delta = after[0, 0, 0] - 80
        assert 0 < abs(delta) <= 25.5
        np.testing.assert_allclose(after, GRAYS + delta, atol=1e-3)
    after = color.brightness(tf.fill([1, 1, 3], 254.0), seed(1), 0.1)
    assert np.min(after) >= 0 and np.max(after) <= 255


def test_contrast_moves_away_from_the_mean():
    """Mean 100, factor 1.5 within 1e-4: 80 and 120 become 70 and 130."""
    after = color.contrast(GRAYS, seed(), 1.5, 1.5001)
    np.testing.assert_allclose(after[0, :, 0], [70, 130], atol=0.01)


def test_hue_turns_both_ways():
    """Red is at 0 of the circle: a turn of up to .1 ends in 0...1 or .9..1."""
    red = tf.constant([[[255.0, 0.0, 0.0]]])
    turned = [color.hue(red, seed(n), 0.1) / 255.0 for n in range(20)]
    hues, saturations, values = np.moveaxis(tf.image.rgb_to_hsv(turned), -1, 0)
    turns = (hues + 0.5) % 1 - 0.5
    assert turns.min() < -0.05 and turns.max() > 0.05 and np.abs(turns).max() <= 0.1
    np.testing.assert_allclose([saturations, values], 1, atol=1e-4)


def test_saturation_of_half():
    """(200, 100, 0) has saturation 1; half of it is (200, 150, 100)."""
    after = color.saturation(tf.constant([[[200.0, 100.0, 0.0]]]), seed(), 0.5, 0.5)
    np.testing.assert_allclose(after, [[[200, 150, 100]]], atol=0.01)


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        (color.brightness, (0.0,)),
        (color.contrast, (1.0, 1.0)),
        (color.hue, (0.0,)),
        (color.saturation, (1.0, 1.0)),
    ],
)
def test_settings_that_change_nothing(change, settings):
    np.testing.assert_allclose(change(IMAGE, seed(), *settings), IMAGE, atol=1e-2)


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        (color.brightness, (1.0,)),
        (color.contrast, (0.0, 9.0)),
        (color.hue, (0.5,)),
        (color.saturation, (0.0, 9.0)),
    ],
)
def test_the_seed_decides_and_bytes_hold_the_result(change, settings):
    first, again, other = (change(IMAGE, seed(n), *settings) for n in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1
    assert np.min(first) >= 0 and np.max(first) <= 255
