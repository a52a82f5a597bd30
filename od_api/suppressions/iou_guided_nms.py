"""IoU-guided suppression: the box that fits best stands for its cluster."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import NONE, at, checked, reaches
from od_api.suppressions._pairwise import (
    Pairwise,
    of_better,
    owned,
    similarities,
    survivors,
)


@register(suppression_pb2.IouGuidedNms)
class IouGuidedNms(Pairwise):
    """Visits boxes by their predicted IoU; a kept one gets its cluster's best score.

    A cluster is a kept box and those that it is the first to remove. Source: Jiang et
    al., Acquisition of Localization Confidence for Accurate Object Detection (IoU-Net),
    ECCV 2018, algorithm 1.

    Args:
      iou_threshold: 0..1.
      inclusive: an IoU equal to the threshold removes, too; the paper's does not.
      column: name of the column of the predicted IoU, 1 number a box.
    """

    needs_all = True

    def __init__(self, *, iou_threshold=0.6, inclusive=False, column="iou"):
        self.iou_threshold = checked(iou_threshold, inclusive)
        self.inclusive = inclusive
        self.columns = (column,)

    def changed(self, given):
        """RankedBoxes -> RankedBoxes, sorted by predicted IoU."""
        fit = given.columns[self.columns[0]][..., 0]
        fit = tf.where(given.scores > NONE, fit, NONE)
        given = at(given, tf.math.top_k(fit, tf.shape(fit)[-1]).indices)
        real = given.scores > NONE
        overlaps = similarities(None, given.boxes)
        enough = reaches(overlaps, self.iou_threshold, self.inclusive)
        removes = enough & of_better(real)
        kept = survivors(removes, real)
        scores = given.scores[..., None, :]
        best = tf.reduce_max(tf.where(owned(kept, removes), scores, NONE), axis=-1)
        scores = tf.where(kept, tf.maximum(given.scores, best), NONE)
        return given._replace(scores=scores)
