"""Semantics-geometry suppression: overlapping boxes of unlike embeddings both live."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.embeddings import distances
from od_api.core.registry import register
from od_api.layers.ranked_boxes import best_of, ranked
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import at, checked, reaches
from od_api.suppressions._greedy import Greedy, left_scores

_POWERS = {"CONSTANT": 0, "LINEAR": 1, "QUADRATIC": 2}


@register(suppression_pb2.SemanticsGeometryNms)
class SemanticsGeometryNms(Greedy):
    """Within a level by overlap and embedding, then across levels by overlap alone.

    Within a level a kept box removes those that overlap it and whose embeddings lie
    within distance * IoU^p of its own: the more two boxes overlap, the more they must
    differ to be two objects. Of what is left, a box that is kept then removes those of
    other levels that overlap it. Source: Yang et al., Learning to
    Separate: Detecting Heavily-Occluded Objects in Urban Scenes, ECCV 2020, section on
    SG-NMS.

    Args:
      iou_threshold: 0..1.
      inclusive: within a level an IoU equal to the threshold removes, too.
      inclusive_across_levels: likewise across levels.
      growth: of the distance with the IoU: CONSTANT, LINEAR or QUADRATIC.
      distance: at least 0.
      column: name of the column of the embedding; the level is read from `level`.
    """

    def __init__(
        self,
        *,
        iou_threshold=0.6,
        inclusive=False,
        inclusive_across_levels=True,
        growth="LINEAR",
        distance=1.0,
        column="semantics_geometry",
    ):
        self.iou_threshold = checked(
            iou_threshold, inclusive or inclusive_across_levels
        )
        self.inclusive = inclusive
        self.inclusive_across_levels = inclusive_across_levels
        self.power = _POWERS[growth]
        self.distance = ranges.at_least("distance", distance)
        self.columns = (column, "level")

    def suppress(self, boxes, scores, columns, limit, floor):
        """As `Greedy.suppress`, twice."""
        columns = {name: columns[name] for name in self.columns}
        best = ranked(boxes, scores, columns)
        best = best._replace(scores=left_scores(best, self._removes_within, floor))
        order = tf.math.top_k(best.scores, tf.shape(best.scores)[-1]).indices
        best = at(best, order)
        return best_of(
            best, left_scores(best, self._removes_across, floor, limit), limit
        )

    def _removes_within(self, kept, others):
        """Candidates of n and m boxes -> [B, n, m] bool."""
        overlap = geometry.pairwise(geometry.iou, kept.boxes, others.boxes)
        apart = distances(*(x.columns[self.columns[0]] for x in (kept, others)))
        near = apart <= self.distance * overlap**self.power
        enough = reaches(overlap, self.iou_threshold, self.inclusive)
        return enough & near & _same_level(kept, others)

    def _removes_across(self, kept, others):
        overlap = geometry.pairwise(geometry.iou, kept.boxes, others.boxes)
        enough = reaches(overlap, self.iou_threshold, self.inclusive_across_levels)
        return enough & ~_same_level(kept, others)


def _same_level(kept, others):
    return kept.columns["level"] == others.columns["level"][..., None, :, 0]
