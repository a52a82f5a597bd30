"""Half the squared difference of box codes."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(
    losses_pb2.WeightedL2LocalizationLoss,
    ignored={"anchorwise_output": "losses are always one number an anchor"},
)
class WeightedL2LocalizationLoss:
    """0.5 * d^2, summed over the code.

    The old API squared the anchor's weight as well; here a weight is a factor, as it is
    for every other loss. For weights of 0 and 1 there is no difference.
    """

    def __call__(self, codes, targets):
        """[..., code size] twice -> [...] float32."""
        difference = tf.cast(codes, tf.float32) - tf.cast(targets, tf.float32)
        return 0.5 * tf.reduce_sum(tf.square(difference), axis=-1)
