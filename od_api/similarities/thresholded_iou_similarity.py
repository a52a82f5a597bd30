"""A score for every pair of boxes that overlap enough."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import region_similarity_calculator_pb2


@register(region_similarity_calculator_pb2.ThresholdedIouSimilarity)
class ThresholdedIouSimilarity:
    """The first box's score where the pair's IoU is above a threshold, else 0.

    Args:
      iou_threshold: 0..1; a pair of exactly this IoU gets 0.
    """

    def __init__(self, *, iou_threshold=0.5):
        ranges.probability("iou_threshold", iou_threshold)
        self.iou_threshold = iou_threshold

    def __call__(self, boxes, others, scores=None):
        """[..., M, 4], [..., N, 4] -> [..., M, N] float32.

        Args:
          boxes: [..., M, 4].
          others: [..., N, 4].
          scores: [..., M] of `boxes`; 1 where not given, as for ground truth.
        """
        boxes, others = tf.cast(boxes, tf.float32), tf.cast(others, tf.float32)
        overlap = geometry.pairwise(geometry.iou, boxes, others)
        near = tf.cast(overlap > self.iou_threshold, tf.float32)
        return near if scores is None else near * tf.cast(scores, tf.float32)[..., None]
