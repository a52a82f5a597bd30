"""The Huber loss of box codes: squared near 0, linear further out."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(
    losses_pb2.WeightedSmoothL1LocalizationLoss,
    ignored={"anchorwise_output": "losses are always one number an anchor"},
)
class WeightedSmoothL1LocalizationLoss:
    """0.5 d^2 where |d| <= delta, else delta * (|d| - delta / 2), summed over the code.

    Source: Girshick, Fast R-CNN, ICCV 2015, equation 3, where delta is 1.

    Args:
      delta: where the linear part begins, above 0.
    """

    def __init__(self, *, delta=1.0):
        self.delta = ranges.above("delta", delta)

    def __call__(self, codes, targets):
        """[..., code size] twice -> [...] float32."""
        difference = tf.cast(codes, tf.float32) - tf.cast(targets, tf.float32)
        # With q = min(|d|, delta) both branches are q * (|d| - q / 2).
        distance = tf.abs(difference)
        near = tf.minimum(distance, self.delta)
        return tf.reduce_sum(near * (distance - 0.5 * near), axis=-1)
