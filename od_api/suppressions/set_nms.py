"""Set suppression: boxes that one proposal predicts together let each other live."""

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import checked, reaches
from od_api.suppressions._greedy import Greedy


@register(suppression_pb2.SetNms)
class SetNms(Greedy):
    """Greedy, but a box never removes another of the same set.

    Source: Chu et al., Detection in Crowded Scenes: One Proposal, Multiple Predictions,
    CVPR 2020, section 3.3.

    Args:
      iou_threshold: 0..1.
      inclusive: an IoU equal to the threshold removes, too.
      column: name of the column that says which set a box is of, 1 number a box.
    """

    def __init__(self, *, iou_threshold=0.6, inclusive=True, column="set"):
        self.iou_threshold = checked(iou_threshold, inclusive)
        self.inclusive = inclusive
        self.columns = (column,)

    def removes(self, kept, others):
        """Candidates of n and m boxes -> [B, n, m] bool."""
        (name,) = self.columns
        overlap = geometry.pairwise(geometry.iou, kept.boxes, others.boxes)
        own, other = kept.columns[name], others.columns[name]
        same_set = own == other[..., None, :, 0]
        return reaches(overlap, self.iou_threshold, self.inclusive) & ~same_set
