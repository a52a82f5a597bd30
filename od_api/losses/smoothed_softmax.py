"""Cross entropy of classes that exclude each other, and are not quite certain."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.SmoothedSoftmaxClassificationLoss)
class SmoothedSoftmaxClassificationLoss:
    """-q log p of each class, p = softmax(logits / logit_scale).

    Of the C classes, background among them where there is one, q is 1 - epsilon for
    the true one and epsilon / (C - 1) for each other. With epsilon 0 this is
    `weighted_softmax`. Source: Zhang et al., Bag of Freebies for Training Object
    Detection Neural Networks, arXiv 1902.04103, equation 3.

    Args:
      epsilon: from 0 to below 1.
      mix_uniformly: q is (1 - epsilon) t + epsilon / C for all classes instead, as in
        Szegedy et al., CVPR 2016, and Keras.
      logit_scale: above 0; a large one flattens the probabilities.
    """

    def __init__(self, *, epsilon=0.1, mix_uniformly=False, logit_scale=1.0):
        self.epsilon = ranges.below("epsilon", epsilon, 1)
        self.mix_uniformly = mix_uniformly
        self.logit_scale = ranges.above("logit_scale", logit_scale)

    def __call__(self, logits, targets):
        """[..., C] logits, [..., C] targets that sum to 1 -> [..., C] float32.

        Targets of another sum give q of that sum, so that all zeros cost nothing.
        """
        log_p = tf.nn.log_softmax(tf.cast(logits, tf.float32) / self.logit_scale)
        return -self._smoothed(tf.cast(targets, tf.float32)) * log_p

    def _smoothed(self, targets):
        """[..., C] -> [..., C]: q."""
        classes = targets.shape[-1]
        whole = tf.reduce_sum(targets, axis=-1, keepdims=True)
        if self.mix_uniformly:
            return (1.0 - self.epsilon) * targets + self.epsilon * whole / classes
        if classes == 1:
            return targets
        share = self.epsilon / (classes - 1)
        return (1.0 - self.epsilon) * targets + share * (whole - targets)
