"""Fast non-maximum suppression: one look at all pairs, and no second."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import NONE, checked, reaches
from od_api.suppressions._pairwise import (
    Pairwise,
    of_better,
    removed_by,
    similarities,
)


@register(suppression_pb2.FastNms)
class FastNms(Pairwise):
    """Of two boxes that overlap the one of the lower score goes, in any case.

    A box also goes for one that is removed itself, so that fewer are kept than by
    `greedy_nms`, and never others. Source: Bolya et al., YOLACT, ICCV 2019, section 5.

    Args:
      iou_threshold: 0..1, of the similarity.
      inclusive: a similarity equal to the threshold removes, too; the authors' code
        does not.
      similarity: of [..., n, 4] and [..., m, 4] -> [..., n, m]; None: IoU.
    """

    def __init__(self, *, iou_threshold=0.6, inclusive=True, similarity=None):
        self.iou_threshold = checked(iou_threshold, inclusive, similarity)
        self.inclusive = inclusive
        self.similarity = similarity

    def changed(self, given):
        """RankedBoxes -> RankedBoxes."""
        pairs = similarities(self.similarity, given.boxes)
        real = given.scores > NONE
        enough = reaches(pairs, self.iou_threshold, self.inclusive)
        removed = removed_by(real, enough & of_better(real))
        return given._replace(scores=tf.where(removed, NONE, given.scores))
