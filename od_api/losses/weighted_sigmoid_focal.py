"""Sigmoid cross entropy in which well-classified examples count little."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2

# A power below 1 has an infinite slope at 0, which becomes NaN in the gradient.
SMALLEST_MISS = 1e-12

# Powers of probabilities vanish in float32 long before.
LARGEST_EXPONENT = 100


@register(
    losses_pb2.SigmoidFocalClassificationLoss,
    ignored={"anchorwise_output": "losses are always one number a class"},
)
class SigmoidFocalClassificationLoss:
    """alpha_t * (1 - p_t)^gamma * cross entropy, of every class on its own.

    p_t is p for a target of 1 and 1 - p for a target of 0, and alpha_t is alpha and
    1 - alpha. Gamma 0 without alpha is `weighted_sigmoid`. Source: Lin et al., Focal
    Loss for Dense Object Detection, ICCV 2017, equation 5.

    Args:
      gamma: at least 0.
      alpha: weight of positives in 0..1; None, or unset in a config, weights nothing.
    """

    def __init__(self, *, gamma=2.0, alpha=None):
        self.gamma = ranges.between("gamma", gamma, 0, LARGEST_EXPONENT)
        self.alpha = None if alpha is None else ranges.probability("alpha", alpha)

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] targets in 0..1 -> [..., C] float32."""
        logits, targets = tf.cast(logits, tf.float32), tf.cast(targets, tf.float32)
        loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        if self.gamma:
            # 1 - p_t without the rounding of 1 - sigmoid.
            miss = targets * tf.sigmoid(-logits) + (1 - targets) * tf.sigmoid(logits)
            loss *= tf.maximum(miss, SMALLEST_MISS) ** self.gamma
        if self.alpha is not None:
            loss *= targets * self.alpha + (1 - targets) * (1 - self.alpha)
        return loss
