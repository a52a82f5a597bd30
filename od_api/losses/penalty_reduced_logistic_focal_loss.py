"""The focal loss of heatmaps, lenient near their peaks."""

import math

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2

# The last release of the old API keeps p in 1e-4..1 - 1e-4, which bounds the loss of a
# wild logit; the same limits on the logit itself lose nothing to rounding.
LARGEST_LOGIT = math.log((1 - 1e-4) / 1e-4)

# Powers of probabilities vanish in float32 long before.
LARGEST_EXPONENT = 100


@register(losses_pb2.PenaltyReducedLogisticFocalLoss)
class PenaltyReducedLogisticFocalLoss:
    """Focal loss against a heatmap t whose peaks are exactly 1.

    With p = sigmoid(logit): -(1 - p)^alpha log p where t = 1, and elsewhere
    -(1 - t)^beta p^alpha log(1 - p). Source: Zhou et al., Objects as Points, 2019,
    equation 1, where alpha is 2 and beta 4; the schema's defaults are 0. Logits beyond
    +-9.21 count as 9.21 and have no gradient.

    Args:
      alpha: power of the miss, at least 0.
      beta: power of the distance from a peak, at least 0.
    """

    def __init__(self, *, alpha=0.0, beta=0.0):
        self.alpha = ranges.between("alpha", alpha, 0, LARGEST_EXPONENT)
        self.beta = ranges.between("beta", beta, 0, LARGEST_EXPONENT)

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] heat in 0..1 -> [..., C] float32."""
        targets = tf.cast(targets, tf.float32)
        logits = tf.clip_by_value(
            tf.cast(logits, tf.float32), -LARGEST_LOGIT, LARGEST_LOGIT
        )
        log_p, log_not_p = tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits)
        at_peak = tf.exp(self.alpha * log_not_p) * log_p
        reduction = (1 - targets) ** self.beta
        elsewhere = reduction * tf.exp(self.alpha * log_p) * log_not_p
        return -tf.where(targets == 1.0, at_peak, elsewhere)
