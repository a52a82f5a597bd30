"""A box code of distances to the four sides, for points."""

import math

import tensorflow as tf

from od_api.core.registry import register
from od_api.core.side_distances import boxes_around, side_distances
from od_api.core.types import Priors, prior_boxes
from od_api.protos import ltrb_box_coder_pb2

# Distances, in pixels or strides, that logarithms are taken of: points on the border
# and outside of a box have some, and no exponential overflows.
SHORTEST, LONGEST = 1e-2, 1e6


@register(ltrb_box_coder_pb2.LtrbBoxCoder)
class LtrbBoxCoder:
    """A box as the distances left, top, right, bottom of the centre of its prior.

    Source: Tian et al., FCOS, ICCV 2019, equation 1 and section 3.2.

    Args:
      exponential: the code is the logarithm of a distance, at least log(0.01), so that
        a decoded box always has its point inside.
      by_stride: distances are in strides of the prior's level, x and y apart; of a
        prior without stride in pixels.

    Attributes:
      code_size: 4.
    """

    code_size = 4

    def __init__(self, *, exponential=False, by_stride=False):
        self.exponential = exponential
        self.by_stride = by_stride

    def encode(self, boxes, anchors):
        """[..., 4] boxes, Priors or anchors [..., 4] -> [..., 4] codes, float32."""
        distances = side_distances(prior_boxes(anchors), tf.cast(boxes, tf.float32))
        distances /= self._units(anchors)
        if not self.exponential:
            return distances
        return tf.math.log(tf.clip_by_value(distances, SHORTEST, LONGEST))

    def decode(self, codes, anchors):
        """[..., 4] codes, Priors or anchors [..., 4] -> [..., 4] boxes, float32."""
        distances = tf.cast(codes, tf.float32)
        if self.exponential:
            distances = tf.exp(tf.minimum(distances, math.log(LONGEST)))
        return boxes_around(prior_boxes(anchors), distances * self._units(anchors))

    def _units(self, anchors):
        """Pixels that a distance of 1 stands for: [..., 4], or 1."""
        if not self.by_stride or not isinstance(anchors, Priors):
            return 1.0
        strides = tf.where(anchors.strides > 0.0, anchors.strides, 1.0)
        return tf.gather(strides, [1, 0, 1, 0], axis=-1)
