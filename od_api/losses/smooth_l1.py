"""The smooth L1 loss of box codes whose linear part has slope 1, whatever its beta."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.SmoothL1Loss)
class SmoothL1Loss:
    """0.5 d^2 / beta where |d| < beta, else |d| - beta / 2, summed over the code.

    It is `weighted_smooth_l1` with delta = beta, divided by beta: published settings
    with a beta, such as 1 / 9, are of this form, whose largest gradient stays 1, and
    that of the other one is delta. Source: Girshick, Fast R-CNN, ICCV 2015, equation 3,
    where beta is 1.

    Args:
      beta: where the linear part begins, above 0; `l1_localization_loss` is its limit.
    """

    def __init__(self, *, beta=1.0):
        self.beta = ranges.above("beta", beta)

    def __call__(self, codes, targets):
        """[..., code size] twice -> [...] float32."""
        difference = tf.cast(codes, tf.float32) - tf.cast(targets, tf.float32)
        # With q = min(|d|, beta) / beta both branches are q * (|d| - beta q / 2).
        distance = tf.abs(difference)
        near = tf.minimum(distance / self.beta, 1.0)
        return tf.reduce_sum(near * (distance - 0.5 * self.beta * near), axis=-1)
