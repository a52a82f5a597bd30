"""Feature suppression: where the overlap does not tell, what boxes show decides."""

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.embeddings import distances
from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._greedy import Greedy


@register(suppression_pb2.FeatureNms)
class FeatureNms(Greedy):
    """Greedy, by the IoU and, between two thresholds of it, by an embedding's distance.

    Boxes of an IoU of at most `low_iou` are two objects, of at least `high_iou` one.
    Between them they are one where the Euclidean distance of their embeddings is at
    most `distance`. Source: Salscheider, FeatureNMS, ICPR 2020, algorithm 1.

    Args:
      low_iou, high_iou: 0..1.
      distance: at least 0.
      column: name of the column of the embedding.
    """

    def __init__(self, *, low_iou=0.1, high_iou=0.9, distance=1.0, column="embedding"):
        ranges.probability("low_iou", low_iou)
        ranges.probability("high_iou", high_iou)
        ranges.ordered("low_iou", low_iou, "high_iou", high_iou)
        self.low_iou, self.high_iou = low_iou, high_iou
        self.distance = ranges.at_least("distance", distance)
        self.columns = (column,)

    def removes(self, kept, others):
        """Candidates of n and m boxes -> [B, n, m] bool."""
        (name,) = self.columns
        overlap = geometry.pairwise(geometry.iou, kept.boxes, others.boxes)
        apart = distances(kept.columns[name], others.columns[name])
        one_object = (overlap >= self.high_iou) | (apart <= self.distance)
        return (overlap > self.low_iou) & one_object
