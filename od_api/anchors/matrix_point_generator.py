"""One point on each cell of a matrix net's layers."""

import tensorflow as tf

from od_api.anchors._tile import check_maps, priors_of_levels, tile_boxes
from od_api.core import ranges
from od_api.core.matrix_layers import MOST_LEVELS, matrix_layers
from od_api.core.registry import register
from od_api.protos import point_generator_pb2


@register(point_generator_pb2.MatrixPointGenerator)
class MatrixPointGenerator:
    """Boxes of size 0 at floor(s / 2) + s * cell, for strides s of rows and columns.

    Layers are those of `matrix_net` over levels of the stride 2^level, row by row; the
    layer of levels i and j has the stride 2^i downwards and 2^j to the right. Source:
    Rashwan et al., Matrix Nets, ICCV Workshops 2019.

    Args:
      min_level: finest level of the diagonal.
      max_level: coarsest one.
      steps: how far from the diagonal there are layers.

    Attributes:
      per_location: a 1 for each layer.
    """

    def __init__(self, *, min_level=3, max_level=7, steps=2):
        ranges.between("max_level", max_level, 1, MOST_LEVELS)
        ranges.between("min_level", min_level, 0, max_level - 1)
        sides = [2**level for level in range(min_level, max_level + 1)]
        places = matrix_layers(len(sides), steps)
        self.strides = [(sides[i], sides[j]) for i, j in places]
        self.per_location = [1] * len(self.strides)

    def __call__(self, feature_shapes, image_shape):
        """One (h, w) a layer, ints or scalars -> Priors; image_shape is unused."""
        del image_shape
        check_maps(feature_shapes, len(self.strides), "matrix_point_generator")
        nothing = tf.zeros([1])
        tiles = [
            tile_boxes(shape, nothing, nothing, stride, [s // 2 for s in stride])
            for shape, stride in zip(feature_shapes, self.strides, strict=True)
        ]
        return priors_of_levels(tiles, self.strides)
