"""Greedy non-maximum suppression: of boxes that overlap, the best score survives."""

import copy

import numpy as np
import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.core.types import Kept
from od_api.layers import engine_nms
from od_api.layers.nms_kernel import NmsKernel
from od_api.layers.ranked_boxes import at_least_one, kept, ranked, take
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import checked
from od_api.suppressions._greedy import Greedy


@register(suppression_pb2.GreedyNms)
class GreedyNms(Greedy):
    """A box is removed by a kept one that is similar enough to it.

    The IoU with a box without area is 0, also that of two equal ones.

    Args:
      iou_threshold: 0..1, of the similarity.
      inclusive: a similarity equal to the threshold removes, too, as papers write it;
        TensorFlow's and most public codes' does not.
      similarity: of [..., n, 4] and [..., m, 4] -> [..., n, m], in 0..1; None: IoU.
    """

    def __init__(self, *, iou_threshold=0.6, inclusive=True, similarity=None):
        self.iou_threshold = checked(iou_threshold, inclusive, similarity)
        self.inclusive = inclusive
        self.similarity = similarity
        # >= t is > the number below t.
        least = np.float32(iou_threshold)
        self._above = np.nextafter(least, np.float32(-1)) if inclusive else least
        self._kernel = NmsKernel(self._above) if similarity is None else None

    def static(self):
        """The same without loops over leading axes, of static shapes."""
        form = copy.copy(self)
        form._kernel = None
        return form

    def suppress(self, boxes, scores, columns, limit, floor):
        """As `Greedy.suppress`; of IoU by TensorFlow's kernel."""
        left = self.left(boxes, scores, limit, floor)
        if left is not None:
            best = ranked(boxes, left, {}, limit)
            return kept(best.rows, best.scores, best.boxes, limit)
        if self._kernel is None:
            return super().suppress(boxes, scores, columns, limit, floor)
        boxes = tf.cast(boxes, tf.float32)
        rows, values = self._kernel(boxes, scores, limit, floor)
        return Kept(rows=rows, scores=values, boxes=take(at_least_one(boxes), rows))

    def left(self, boxes, scores, limit, floor):
        """[..., M]: the scores of what `suppress` keeps, -inf for the others.

        By the engine that the graph is for, where it has an operation for that; None
        where it has none.
        """
        if not engine_nms.is_wanted() or self.similarity is not None:
            return None
        boxes, scores = tf.cast(boxes, tf.float32), tf.cast(scores, tf.float32)
        return engine_nms.left_after_nms(boxes, scores, self._above, limit, floor)

    def removes(self, kept, others):
        """Candidates of n and m boxes -> [B, n, m] bool."""
        if self.similarity is None:
            overlap = geometry.pairwise(geometry.iou, kept.boxes, others.boxes)
        else:
            overlap = self.similarity(kept.boxes, others.boxes)
        return overlap > self._above
