"""Boxes of pairs of corners that agree about their centre."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.groupings._paired_corners import PairedCorners
from od_api.protos import grouping_pb2


@register(grouping_pb2.CornerToCenterGrouping)
class CornerToCenterGrouping(PairedCorners):
    """Pairs top-left and bottom-right corners whose objects have one centre.

    A top-left corner's centre lies below and right of it by what is predicted there, a
    bottom-right one's above and left. Of a pair of one class the two centres are no
    farther apart than `max_distance` of the box's height in y and of its width in x:
    |1 - (d + d') / side|, of the predicted ways d and d'. And, both being half of the
    box, |d - d'| of y and x together is at most `max_difference`. The score is the mean
    of the corners'. Source: Rashwan et al., Matrix Nets, ICCV Workshops 2019, section
    3.2, which says that centres are compared; both rules and limits are those of its
    authors' code, whose .25 of the coarsest layer's cells is 1 cell at 512 px.

    Args:
      top_k: the best corners of each kind, over all classes, that are paired.
      peak_kernel: a corner is the maximum of so many cells squared; odd.
      max_distance: of the centres, as a share of the box's sides.
      max_difference: of the ways to the centre, in cells.
      max_boxes: the best pairs that are returned.
    """

    tag = "center"

    def __init__(
        self,
        *,
        top_k=50,
        peak_kernel=3,
        max_distance=0.3,
        max_difference=1.0,
        max_boxes=1000,
    ):
        super().__init__(top_k, peak_kernel, max_boxes)
        self.max_distance = ranges.at_least("max_distance", max_distance)
        self.max_difference = ranges.at_least("max_difference", max_difference)

    def agree(self, start, end, tag, other_tag):
        """Whether the centres, of ways [B, k, 1, 2] and [B, 1, k, 2], are one."""
        apart = tf.abs((end - other_tag) - (start + tag))
        near = tf.reduce_all(apart <= self.max_distance * (end - start), axis=-1)
        difference = tf.reduce_sum(tf.abs(tag - other_tag), axis=-1)
        return near & (difference <= self.max_difference)
