"""Adaptive suppression: in a crowd a kept box removes less than where it is alone."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import checked, reaches
from od_api.suppressions._decay import Decay
from od_api.suppressions._one_at_a_time import OneAtATime


@register(suppression_pb2.AdaptiveNms)
class AdaptiveNms(OneAtATime):
    """A kept box acts on others from the larger of a threshold and its density on.

    The density of an object is its largest IoU with another object, as the model
    predicts it. What overlaps the kept box less stays as it is; the rest is removed, or
    its score is lowered as in `soft_nms`. Source: Liu et al., Adaptive NMS, CVPR 2019,
    algorithm 1.

    Args:
      iou_threshold: 0..1.
      inclusive: an IoU equal to the threshold counts as above it, too.
      decay: HARD removes; LINEAR or GAUSSIAN.
      sigma: of GAUSSIAN; None is .5.
      column: name of the column of the density, 1 number a box, 0..1.
    """

    def __init__(
        self,
        *,
        iou_threshold=0.5,
        inclusive=True,
        decay="HARD",
        sigma=None,
        column="density",
    ):
        self.iou_threshold = checked(iou_threshold, inclusive)
        self.inclusive = inclusive
        self.decay = Decay(decay, sigma)
        self.columns = (column,)

    def factor(self, kept, others):
        """Candidates of 1 and of m boxes -> [..., m]."""
        overlap = geometry.pairwise(geometry.iou, kept.boxes, others.boxes)[..., 0, :]
        density = kept.columns[self.columns[0]][..., 0]
        threshold = tf.maximum(self.iou_threshold, density)
        acts = reaches(overlap, threshold, self.inclusive)
        return tf.where(acts, self.decay(overlap), 1.0)
