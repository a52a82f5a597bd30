"""Cross entropy that trusts the network's own opinion to a degree."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(
    losses_pb2.BootstrappedSigmoidClassificationLoss,
    ignored={"anchorwise_output": "losses are always one number a class"},
)
class BootstrappedSigmoidClassificationLoss:
    """Sigmoid cross entropy with the target alpha * t + (1 - alpha) * opinion.

    Meant for noisy labels. As in the old API, the gradient also flows through a soft
    opinion. Source: Reed et al., Training Deep Neural Networks on Noisy Labels with
    Bootstrapping, ICLR 2015 workshop, equations 6 and 7.

    Args:
      alpha: share of the labels, above 0 and up to 1. The schema has no default: at 0
        the labels would not be used.
      hard_bootstrap: the opinion is p > 0.5 instead of p = sigmoid(logit).
    """

    def __init__(self, *, alpha=0.0, hard_bootstrap=False):
        # The share of the labels in the target, for example 0.95.
        ranges.above("alpha", alpha, 0, 1)
        self.alpha = alpha
        self.hard_bootstrap = hard_bootstrap

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] targets in 0..1 -> [..., C] float32."""
        logits = tf.cast(logits, tf.float32)
        opinion = tf.sigmoid(logits)
        if self.hard_bootstrap:
            opinion = tf.cast(opinion > 0.5, tf.float32)
        mixed = self.alpha * tf.cast(targets, tf.float32) + (1 - self.alpha) * opinion
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=mixed, logits=logits)
