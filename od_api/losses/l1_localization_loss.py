"""The absolute difference of box codes."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.L1LocalizationLoss)
class L1LocalizationLoss:
    """|d|, summed over the code."""

    def __call__(self, codes, targets):
        """[..., code size] twice -> [...] float32."""
        difference = tf.cast(codes, tf.float32) - tf.cast(targets, tf.float32)
        return tf.reduce_sum(tf.abs(difference), axis=-1)
