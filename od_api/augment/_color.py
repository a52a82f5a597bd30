"""Random changes of brightness, contrast, hue and saturation of a 0..255 image."""

import tensorflow as tf

from od_api.augment import _random as random


def brightness(image, seed, max_delta):
    """Adds one number from [-max_delta, max_delta), as a part of 255, to all values."""
    delta = random.uniform(seed, -max_delta, max_delta)
    return _clipped(tf.image.adjust_brightness(image / 255.0, delta))


def contrast(image, seed, low, high):
    """Multiplies the distance from each channel's mean by a factor from [low, high)."""
    factor = random.uniform(seed, low, high)
    return _clipped(tf.image.adjust_contrast(image / 255.0, factor))


def hue(image, seed, max_delta):
    """Turns the hue by a part of the circle from [-max_delta, max_delta)."""
    delta = random.uniform(seed, -max_delta, max_delta)
    return _clipped(tf.image.adjust_hue(image / 255.0, delta))


def saturation(image, seed, low, high):
    """Multiplies the saturation by a factor from [low, high)."""
    factor = random.uniform(seed, low, high)
    return _clipped(tf.image.adjust_saturation(image / 255.0, factor))


def _clipped(unit_image):
    return tf.clip_by_value(unit_image * 255.0, 0.0, 255.0)
