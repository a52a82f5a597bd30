"""One point on each cell of a pyramid's maps."""

import tensorflow as tf

from od_api.anchors._tile import check_maps, priors_of_levels, tile_boxes
from od_api.core.registry import register
from od_api.protos import point_generator_pb2

# A stride of 2^15 is wider than the longest side of an image.
MOST_LEVELS = 15


@register(point_generator_pb2.PointGenerator)
class PointGenerator:
    """Boxes of size 0 at floor(s / 2) + s * cell, for the stride s = 2^level.

    Source: Tian et al., FCOS, ICCV 2019, section 3.1.

    Args:
      min_level: finest level.
      max_level: coarsest level.

    Attributes:
      per_location: a 1 for each level.
    """

    def __init__(self, *, min_level=3, max_level=7):
        if not 0 <= min_level <= max_level <= MOST_LEVELS:
            raise ValueError(
                f"min_level is {min_level} and max_level {max_level}; levels are in "
                f"0..{MOST_LEVELS} and min_level must not be above max_level"
            )
        self.strides = [2**level for level in range(min_level, max_level + 1)]
        self.per_location = [1] * len(self.strides)

    def __call__(self, feature_shapes, image_shape):
        """One (h, w) a level, ints or scalars -> Priors; image_shape is unused."""
        del image_shape
        check_maps(feature_shapes, len(self.strides), "point_generator")
        nothing = tf.zeros([1])
        tiles = [
            tile_boxes(shape, nothing, nothing, (stride, stride), (stride // 2,) * 2)
            for shape, stride in zip(feature_shapes, self.strides, strict=True)
        ]
        return priors_of_levels(tiles, [(stride, stride) for stride in self.strides])
