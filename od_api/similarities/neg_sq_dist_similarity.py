"""Nearness of corners as the similarity of boxes."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import region_similarity_calculator_pb2


@register(region_similarity_calculator_pb2.NegSqDistSimilarity)
class NegSqDistSimilarity:
    """Minus the squared distance of the four corner coordinates, at most 0.

    The old API measured in image heights and widths. On a square image that orders
    pairs as pixels do; on others give `image_shape` to have its order back.

    Args:
      image_shape: (H, W) of the padded network input; None measures in pixels.
    """

    def __init__(self, *, image_shape=None):
        height, width = image_shape or (1.0, 1.0)
        self.unit = [float(side) for side in (height, width, height, width)]

    def __call__(self, boxes, others):
        """[..., M, 4], [..., N, 4] -> [..., M, N] float32."""
        boxes = tf.cast(boxes, tf.float32) / self.unit
        others = tf.cast(others, tf.float32) / self.unit
        difference = boxes[..., :, None, :] - others[..., None, :, :]
        return -tf.reduce_sum(tf.square(difference), axis=-1)
