"""A loss of box codes in which inliers keep a say beside outliers."""

import math

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2

# gamma / alpha: from here to there b = exp(gamma / alpha) - 1 is a float32 that neither
# overflows nor vanishes beside 1.
SMALLEST_RATIO, LARGEST_RATIO = 0.01, 80


@register(losses_pb2.BalancedL1Loss)
class BalancedL1Loss:
    """The integral of a gradient that grows as a logarithm, then stays, over the code.

    With x = |d| / beta and alpha * log(b + 1) = gamma, the gradient is
      alpha * log(b x + 1) where x < 1, else gamma
    and the loss, 0 at 0 and continuous,
      beta * (alpha / b * (b x + 1) * log(b x + 1) - alpha * x) where x < 1, else
      beta * (gamma * x + gamma / b - alpha).
    Source: Pang et al., Libra R-CNN, CVPR 2019, equations 6 to 9, where beta is 1.

    Args:
      alpha: above 0; a small one raises the gradient of inliers.
      gamma: largest gradient, between alpha / 100 and 80 alpha.
      beta: where outliers begin, above 0.
    """

    def __init__(self, *, alpha=0.5, gamma=1.5, beta=1.0):
        self.alpha = ranges.above("alpha", alpha)
        low, high = SMALLEST_RATIO * alpha, LARGEST_RATIO * alpha
        self.gamma = ranges.between("gamma", gamma, low, high)
        self.beta = ranges.above("beta", beta)
        self.b = math.expm1(gamma / alpha)

    def __call__(self, codes, targets):
        """[..., code size] twice -> [...] float32."""
        difference = tf.cast(codes, tf.float32) - tf.cast(targets, tf.float32)
        x = tf.abs(difference) / self.beta
        # Both branches are that of the inliers at min(x, 1), and gamma for the rest.
        near = tf.minimum(x, 1.0)
        bx = self.b * near
        inlier = self.alpha * ((bx + 1) * tf.math.log1p(bx) / self.b - near)
        loss = inlier + self.gamma * (x - near)
        return self.beta * tf.reduce_sum(loss, axis=-1)
