"""A learning rate that never changes."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import optimizer_pb2


@register(optimizer_pb2.ConstantLearningRate)
class ConstantLearningRate:
    """The same rate at every step."""

    def __init__(self, *, learning_rate=0.002):
        self._rate = ranges.at_least("learning_rate", learning_rate)

    def __call__(self, step):
        """int64 scalar step, counted from 0 -> float32 scalar rate."""
        del step
        return tf.constant(self._rate, tf.float32)
