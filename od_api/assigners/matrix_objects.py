"""Objects of a matrix net's layers: each layer for a range of heights and of widths."""

import tensorflow as tf

from od_api.core.matrix_layers import MatrixRanges, places_of
from od_api.core.registry import register
from od_api.protos import keypoints_pb2


@register(keypoints_pb2.MatrixObjects)
class MatrixObjects:
    """A box belongs to every layer in whose ranges its height and its width lie.

    Rows and columns of the layers are known by their strides, so that any of the layers
    of a matrix may be left out; what the ranges are is said in `MatrixRanges`. Source:
    Rashwan et al., Matrix Nets, ICCV Workshops 2019, section 3.1.

    Args:
      strides: of each layer, a number or (y, x); from the detector.
      base_size: pixels, where the range of the finest layer begins.
      low_tolerance: above 0, at most 1.
      high_tolerance: 1 or more.
    """

    def __init__(
        self, *, strides, base_size=24.0, low_tolerance=0.8, high_tolerance=1.3
    ):
        places = places_of(strides)
        self.ranges = MatrixRanges(places, base_size, low_tolerance, high_tolerance)

    def belong(self, boxes, layer):
        """[..., 4] pixels, the number of a layer -> [...] bool."""
        fits = True
        sides = tf.unstack(boxes[..., 2:] - boxes[..., :2], axis=-1)
        limits = self.ranges.heights[layer], self.ranges.widths[layer]
        for side, (low, high) in zip(sides, limits, strict=True):
            fits &= (side >= low) & (side < high)
        return fits
