"""Cluster-NMS: greedy suppression by operations on all pairs, softened if asked."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import NONE, checked, reaches
from od_api.suppressions._pairwise import Pairwise, of_better, similarities, survivors


@register(suppression_pb2.ClusterNms)
class ClusterNms(Pairwise):
    """Keeps what `greedy_nms` keeps, all boxes at once.

    Source: Zheng et al., Enhancing Geometric Factors in Model Learning and Inference,
    2021. Its Cluster-NMS_D has `diou_similarity`.

    Args:
      iou_threshold: 0..1, of the similarity.
      inclusive: a similarity equal to the threshold removes, too.
      similarity: of [..., n, 4] and [..., m, 4] -> [..., n, m]; None: IoU.
      penalty: a ScorePenalty: no box is removed, scores are lowered; None: none.
      averaging: a BoxAveraging, by the lowered scores; None: boxes stay.
    """

    def __init__(
        self,
        *,
        iou_threshold=0.6,
        inclusive=True,
        similarity=None,
        penalty=None,
        averaging=None,
    ):
        self.iou_threshold = checked(iou_threshold, inclusive, similarity)
        self.inclusive = inclusive
        self.similarity = similarity
        self.penalty = penalty
        self.averaging = averaging
        self.needs_all = averaging is not None

    def changed(self, given):
        """RankedBoxes -> RankedBoxes."""
        pairs = similarities(self.similarity, given.boxes)
        better = of_better(given.scores > NONE)
        enough = reaches(pairs, self.iou_threshold, self.inclusive)
        kept = survivors(enough & better, given.scores > NONE)
        overlaps = tf.where(kept[..., None] & better, pairs, 0.0)
        scores, boxes = given.scores, given.boxes
        if self.penalty is not None:
            scores *= self.penalty(overlaps, boxes)
            kept = scores >= self.penalty.least_score
        if self.averaging is not None:
            boxes = self.averaging(
                overlaps, scores, boxes, self.iou_threshold, self.inclusive
            )
        return given._replace(scores=tf.where(kept, scores, NONE), boxes=boxes)
