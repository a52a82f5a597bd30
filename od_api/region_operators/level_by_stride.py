"""The level of a region by the strides of the maps, as the FPN's paper has it."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import region_operator_pb2

# Of stride 2^15, wider than the longest side of an image.
COARSEST_LEVEL = 15


@register(region_operator_pb2.LevelByStride)
class LevelByStride:
    """A box of 224 pixels is read from level 4, and each doubling is one level up.

    k = floor(k0 + log2(sqrt(w h) / 224)), where the map of stride 2^k is level k; a box
    of a level that is not there is read from the next finer one, and a smaller one from
    the finest. Source: Lin et al., Feature Pyramid Networks, CVPR 2017, equation 1.

    Args:
      canonical_level: k0.
      canonical_side: the side of a box of that level, in pixels.
    """

    def __init__(self, *, canonical_level=4, canonical_side=224.0):
        ranges.between("canonical_level", canonical_level, 0, COARSEST_LEVEL)
        ranges.above("canonical_side", canonical_side, 0, ranges.LONGEST_SIDE)
        self._least_area_of = lambda stride: (
            (canonical_side * stride / 2**canonical_level) ** 2
        )

    def __call__(self, boxes, strides):
        """[B, P, 4] pixels, strides of L maps -> [B, P] int32, 0 the finest."""
        if None in strides:
            raise ValueError("level_by_stride needs the strides: build the operator")
        ymin, xmin, ymax, xmax = tf.unstack(tf.stop_gradient(boxes), axis=-1)
        area = tf.maximum(ymax - ymin, 0.0) * tf.maximum(xmax - xmin, 0.0)
        # Areas are compared, and no logarithm is rounded.
        least = [self._least_area_of(stride) for stride in strides[1:]]
        reached = area[..., None] >= tf.constant(least, tf.float32)
        return tf.reduce_sum(tf.cast(reached, tf.int32), axis=-1)
