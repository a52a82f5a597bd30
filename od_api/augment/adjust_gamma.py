"""Gamma correction."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.AdjustGamma)
class AdjustGamma:
    """Maps each value v of 0..255 to 255 gain (v / 255)^gamma, clipped to 0..255.

    Only the image changes.
    """

    def __init__(self, *, gamma=1.0, gain=1.0):
        ranges.at_least("gamma", gamma, 0, 100)
        ranges.at_least("gain", gain)
        self._gamma = gamma
        self._gain = gain

    def __call__(self, sample, seed):
        unit = tf.maximum(sample["image"], 0.0) / 255.0
        image = tf.clip_by_value(255.0 * self._gain * unit**self._gamma, 0.0, 255.0)
        return {**sample, "image": image}
