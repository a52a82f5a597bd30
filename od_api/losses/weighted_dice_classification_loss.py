"""What masks lack in overlap, for each image and class."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.WeightedDiceClassificationLoss)
class WeightedDiceClassificationLoss:
    """1 - 2 * sum(p t) / max(sum(p) + sum(t), 1), sums over the positions of an image.

    It is one number for all positions of a class. To fit the shape of the other losses
    each of n positions gets a share of 1 / n: the sum over the positions is the loss.
    Source: Milletari et al., V-Net, 3DV 2016, section 3, with the old API's floor of 1.

    Args:
      squared_normalization: all of p and t are squared first.
      is_prediction_probability: predictions are p; otherwise p is their sigmoid.
    """

    def __init__(self, *, squared_normalization=False, is_prediction_probability=False):
        self.squared_normalization = squared_normalization
        self.is_prediction_probability = is_prediction_probability

    def __call__(self, predictions, targets):
        """[..., n, C] predictions, [..., n, C] targets in 0..1 -> [..., n, C]."""
        p, t = tf.cast(predictions, tf.float32), tf.cast(targets, tf.float32)
        if not self.is_prediction_probability:
            p = tf.sigmoid(p)
        if self.squared_normalization:
            p, t = tf.square(p), tf.square(t)
        overlap = tf.reduce_sum(p * t, axis=-2, keepdims=True)
        area = tf.reduce_sum(p + t, axis=-2, keepdims=True)
        loss = 1.0 - 2.0 * overlap / tf.maximum(area, 1.0)
        positions = tf.cast(tf.maximum(tf.shape(p)[-2], 1), tf.float32)
        return tf.broadcast_to(loss / positions, tf.shape(p))
