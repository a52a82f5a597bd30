"""Cross entropy with a target that is given in logits, as another network's are."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(
    losses_pb2.WeightedSoftmaxClassificationAgainstLogitsLoss,
    ignored={"anchorwise_output": "losses are always one number a class"},
)
class WeightedSoftmaxClassificationAgainstLogitsLoss:
    """-t log p of each class, p = softmax(logits / s) and t = softmax(targets / s).

    The sum over the classes is the cross entropy; the least that it can be is the
    entropy of t, not 0. Source: Hinton et al., Distilling the Knowledge in a Neural
    Network, 2015, section 2.

    Args:
      logit_scale: s, above 0; a large one flattens both sides.
    """

    def __init__(self, *, logit_scale=1.0):
        self.logit_scale = ranges.above("logit_scale", logit_scale)

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] target logits -> [..., C] float32."""
        wanted = tf.nn.softmax(tf.cast(targets, tf.float32) / self.logit_scale)
        log_p = tf.nn.log_softmax(tf.cast(logits, tf.float32) / self.logit_scale)
        return -wanted * log_p
