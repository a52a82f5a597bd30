"""Noise that multiplies every value of the image."""

import tensorflow as tf

from od_api.augment import _random as random
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomPixelValueScale)
class RandomPixelValueScale:
    """Each value of each pixel times its own factor from [minval, maxval).

    Only the image changes; the result is clipped to 0..255.
    """

    def __init__(self, *, minval=0.9, maxval=1.1):
        random.check_range("minval", minval, "maxval", maxval, at_least=0)
        self._range = (minval, maxval)

    def __call__(self, sample, seed):
        image = sample["image"]
        factors = random.uniform(seed, *self._range, shape=tf.shape(image))
        return {**sample, "image": tf.clip_by_value(image * factors, 0.0, 255.0)}
