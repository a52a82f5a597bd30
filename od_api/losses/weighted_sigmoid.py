"""Cross entropy of every class on its own."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(
    losses_pb2.WeightedSigmoidClassificationLoss,
    ignored={"anchorwise_output": "losses are always one number a class"},
)
class WeightedSigmoidClassificationLoss:
    """-t log p - (1 - t) log(1 - p) with p = sigmoid(logit)."""

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] targets in 0..1 -> [..., C] float32."""
        return tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(targets, tf.float32), logits=tf.cast(logits, tf.float32)
        )
