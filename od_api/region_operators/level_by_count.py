"""The level of a region by the number of levels, as the old API has it."""

import math

import tensorflow as tf

from od_api.core.registry import register
from od_api.protos import region_operator_pb2

# Side in pixels of a box that belongs to the level before the last but one, the size
# of ImageNet's crops (Lin et al., CVPR 2017, section 4.2).
CANONICAL_SIDE = 224.0


@register(region_operator_pb2.LevelByCount)
class LevelByCount:
    """Every doubling of a box's side is one level up; 224 pixels are level L - 2 of L.

    Equation 1 of Lin et al. (CVPR 2017) with the old API's numbers of levels: counted
    from 0, whatever the strides of the maps are.
    """

    def __call__(self, boxes, strides):
        """[B, P, 4] pixels, strides of L maps -> [B, P] int32, 0 the finest."""
        num_levels = len(strides)
        ymin, xmin, ymax, xmax = tf.unstack(tf.stop_gradient(boxes), axis=-1)
        area = tf.maximum(ymax - ymin, 0.0) * tf.maximum(xmax - xmin, 0.0)
        # The logarithm of a side of less than a pixel is of no interest.
        side = tf.sqrt(tf.maximum(area, 1.0))
        level = tf.floor(tf.math.log(side / CANONICAL_SIDE) / math.log(2.0))
        return tf.clip_by_value(
            tf.cast(level, tf.int32) + num_levels - 2, 0, num_levels - 1
        )
