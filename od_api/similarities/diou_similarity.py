"""Overlap less the distance of the centres as the similarity of boxes."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import region_similarity_calculator_pb2


@register(region_similarity_calculator_pb2.DiouSimilarity)
class DiouSimilarity:
    """IoU - D^beta, -1..1: boxes of different centres are less alike than they overlap.

    D is the squared distance of the centres in squared diagonals of the smallest box
    around both. In a suppression it lets neighbours live that overlap side by side.
    Source: Zheng et al., Distance-IoU, AAAI 2020, equation 7 and section on DIoU-NMS.

    Args:
      beta: above 0; the larger, the less distances matter. The paper's is 1, one public
        code has .9.
    """

    # Thresholds of it lie in 0..1.
    is_share = True

    def __init__(self, *, beta=1.0):
        self.beta = ranges.above("beta", beta)

    def __call__(self, boxes, others):
        """[..., M, 4], [..., N, 4] -> [..., M, N] float32."""
        boxes, others = tf.cast(boxes, tf.float32), tf.cast(others, tf.float32)
        return geometry.pairwise(self._of_pair, boxes, others)

    def _of_pair(self, boxes, others):
        distance = geometry.center_distance(boxes, others)
        if self.beta != 1.0:
            distance = distance**self.beta
        return geometry.iou(boxes, others) - distance
