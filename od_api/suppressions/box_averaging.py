"""Boxes that are kept become means of those that they stand for."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import reaches
from od_api.suppressions._pairwise import averaged


@register(suppression_pb2.BoxAveraging)
class BoxAveraging:
    """Each surviving box becomes the mean of itself and the worse boxes it overlaps.

    A box weighs its score times its IoU with the survivor, the survivor its score.
    Unlike in `weighted_nms` a box may be averaged into several survivors. Source: Zheng
    et al., Enhancing Geometric Factors in Model Learning and Inference, 2021,
    Cluster-NMS_W, with the sum of the weights as divisor.

    Args:
      threshold: 0..1, only boxes of such an overlap are averaged; None: the
        suppression's own. The authors' code has .8.
    """

    def __init__(self, *, threshold=None):
        if threshold is not None:
            ranges.probability("threshold", threshold)
        self.threshold = threshold

    def __call__(self, overlaps, scores, boxes, threshold, inclusive):
        """The boxes that are returned.

        Args:
          overlaps: [..., m, m], of survivor (row) and worse box (column), else 0.
          scores: [..., m], -inf where there is no box.
          boxes: [..., m, 4].
          threshold, inclusive: the suppression's.

        Returns:
          [..., m, 4].
        """
        least = threshold if self.threshold is None else self.threshold
        members = (overlaps > 0.0) & reaches(overlaps, least, inclusive)
        return averaged(tf.where(members, overlaps, 0.0), scores, boxes)
