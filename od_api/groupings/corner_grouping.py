"""Boxes of pairs of corners."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.groupings._paired_corners import PairedCorners
from od_api.protos import grouping_pb2


@register(grouping_pb2.CornerGrouping)
class CornerGrouping(PairedCorners):
    """Pairs the best top-left corners with the best bottom-right ones.

    A corner is a cell whose score is the largest around it. Of all pairs those are
    left that have one class, embeddings that are near each other, and the corners in
    their order; their score is the mean of the two. Source: Law and Deng, CornerNet,
    ECCV 2018, section 4.2.

    Args:
      top_k: the best corners of each kind, over all classes, that are paired.
      peak_kernel: a corner is the maximum of so many cells squared; odd.
      max_distance: embeddings farther apart are of two objects.
      max_boxes: the best pairs that are returned.
    """

    tag = "embedding"

    def __init__(self, *, top_k=100, peak_kernel=3, max_distance=0.5, max_boxes=1000):
        super().__init__(top_k, peak_kernel, max_boxes)
        self.max_distance = ranges.at_least("max_distance", max_distance)

    def agree(self, start, end, tag, other_tag):
        """Whether the embeddings, [B, k, 1, 1] and [B, 1, k, 1], are near."""
        del start, end
        return tf.abs(tag - other_tag)[..., 0] <= self.max_distance
