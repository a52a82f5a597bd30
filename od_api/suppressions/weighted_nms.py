"""Weighted suppression: a kept box becomes the mean of itself and what it removes."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import NONE, checked, reaches
from od_api.suppressions._pairwise import (
    Pairwise,
    averaged,
    of_better,
    owned,
    similarities,
    survivors,
)


@register(suppression_pb2.WeightedNms)
class WeightedNms(Pairwise):
    """Keeps what `greedy_nms` keeps, moved to the mean of each cluster.

    A cluster is a kept box and those that it is the first to remove. They weigh their
    score times their IoU with the kept box, the kept box its score, which stays as it
    is. Source: Zhou et al., CAD: Scale Invariant Framework for Real-Time Object
    Detection, ICCV workshops 2017; Zheng et al., Enhancing Geometric Factors, 2021.

    Args:
      iou_threshold: 0..1, of the similarity.
      inclusive: a similarity equal to the threshold removes, too.
      similarity: of [..., n, 4] and [..., m, 4] -> [..., n, m]; None: IoU.
    """

    needs_all = True

    def __init__(self, *, iou_threshold=0.6, inclusive=True, similarity=None):
        self.iou_threshold = checked(iou_threshold, inclusive, similarity)
        self.inclusive = inclusive
        self.similarity = similarity

    def changed(self, given):
        """RankedBoxes -> RankedBoxes."""
        real = given.scores > NONE
        pairs = similarities(self.similarity, given.boxes)
        enough = reaches(pairs, self.iou_threshold, self.inclusive)
        removes = enough & of_better(real)
        kept = survivors(removes, real)
        members = tf.where(owned(kept, removes), pairs, 0.0)
        boxes = averaged(members, given.scores, given.boxes)
        return given._replace(scores=tf.where(kept, given.scores, NONE), boxes=boxes)
