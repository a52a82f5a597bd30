"""Cross entropy of classes that exclude each other."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(
    losses_pb2.WeightedSoftmaxClassificationLoss,
    ignored={"anchorwise_output": "losses are always one number a class"},
)
class WeightedSoftmaxClassificationLoss:
    """-t log p of each class, p = softmax(logits / logit_scale).

    The sum over the classes, background among them, is the cross entropy.

    Args:
      logit_scale: above 0; a large one flattens the probabilities.
    """

    def __init__(self, *, logit_scale=1.0):
        self.logit_scale = ranges.above("logit_scale", logit_scale)

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] targets that sum to 1 -> [..., C] float32."""
        log_p = tf.nn.log_softmax(tf.cast(logits, tf.float32) / self.logit_scale)
        return -tf.cast(targets, tf.float32) * log_p
