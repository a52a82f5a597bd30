"""Intersection over the area of one box as the similarity of boxes."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.protos import region_similarity_calculator_pb2


@register(region_similarity_calculator_pb2.IoaSimilarity)
class IoaSimilarity:
    """Intersection over the area of the second box of every pair, 0..1.

    An assigner gives anchors second: 1 is an anchor wholly inside a ground-truth box.
    """

    # Thresholds of it lie in 0..1.
    is_share = True

    def __call__(self, boxes, others):
        """[..., M, 4], [..., N, 4] -> [..., M, N] float32."""
        boxes, others = tf.cast(boxes, tf.float32), tf.cast(others, tf.float32)
        return geometry.pairwise(geometry.ioa, boxes, others)
