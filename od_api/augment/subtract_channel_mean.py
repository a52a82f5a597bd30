"""The mean colour of a data set taken away."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SubtractChannelMean)
class SubtractChannelMean:
    """Subtracts one number a channel from the image, unclipped; nothing else changes.

    Args:
      means: red, green, blue.
    """

    def __init__(self, *, means=()):
        if len(means) != 3:
            raise ValueError(f"means has {len(means)} values; give red, green and blue")
        self._means = tuple(ranges.finite("means", means))

    def __call__(self, sample, seed):
        return {
            **sample,
            "image": sample["image"] - tf.constant(self._means, tf.float32),
        }
