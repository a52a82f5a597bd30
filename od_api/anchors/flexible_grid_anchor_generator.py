"""Anchors whose sizes, strides and offsets are spelled out for each feature map."""

import math

import tensorflow as tf

from od_api.anchors._tile import check_maps, priors_of_levels, tile_boxes
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import flexible_grid_anchor_generator_pb2


@register(flexible_grid_anchor_generator_pb2.AnchorGrid)
class AnchorGrid:
    """The anchors of one feature map; a box has the area base_size^2.

    A grid in which nothing is set has none: the map only feeds the deeper ones.

    Args:
      base_sizes: pixels.
      aspect_ratios: width over height, one for each base size, or one for all.
      height_stride: pixels between rows of cells, at least 1.
      width_stride: pixels between columns of cells, at least 1.
      height_offset: pixels to the centre of the first row.
      width_offset: pixels to the centre of the first column.
    """

    def __init__(
        self,
        *,
        base_sizes=(),
        aspect_ratios=(),
        height_stride=0,
        width_stride=0,
        height_offset=0,
        width_offset=0,
    ):
        if len(aspect_ratios) == 1:
            aspect_ratios = list(aspect_ratios) * len(base_sizes)
        if len(base_sizes) != len(aspect_ratios):
            raise ValueError(
                f"base_sizes has {len(base_sizes)} numbers and aspect_ratios "
                f"{len(aspect_ratios)}; give as many of both, or neither for a map "
                "without anchors"
            )
        ranges.above("base_sizes", base_sizes)
        ranges.above("aspect_ratios", aspect_ratios)
        if not base_sizes:
            # No cell of it is ever looked at.
            height_stride, width_stride = height_stride or 1, width_stride or 1
        ranges.at_least("height_stride", height_stride, 1, ranges.LONGEST_SIDE)
        ranges.at_least("width_stride", width_stride, 1, ranges.LONGEST_SIDE)
        ranges.finite("height_offset", height_offset)
        ranges.finite("width_offset", width_offset)
        roots = [math.sqrt(ratio) for ratio in aspect_ratios]
        self.heights = [s / root for s, root in zip(base_sizes, roots, strict=True)]
        self.widths = [s * root for s, root in zip(base_sizes, roots, strict=True)]
        self.stride = (height_stride, width_stride)
        self.offset = (height_offset, width_offset)


@register(
    flexible_grid_anchor_generator_pb2.FlexibleGridAnchorGenerator,
    ignored={"normalize_coordinates": "anchors are in pixels inside od_api"},
)
class FlexibleGridAnchorGenerator:
    """Each feature map has its own boxes, stride and offset.

    Args:
      anchor_grid: one `AnchorGrid` for each map.

    Attributes:
      per_location: boxes on each cell, one int for each map.
    """

    def __init__(self, *, anchor_grid=()):
        if not any(grid.heights for grid in anchor_grid):
            raise ValueError("no anchors: give one anchor_grid for each feature map")
        self.grids = list(anchor_grid)
        self.per_location = [len(grid.heights) for grid in self.grids]

    def __call__(self, feature_shapes, image_shape):
        """One (h, w) a grid, ints or scalars -> Priors; image_shape is unused."""
        del image_shape
        check_maps(feature_shapes, len(self.grids), "flexible_grid_anchor_generator")
        tiles = [
            tile_boxes(
                shape,
                tf.constant(grid.heights, tf.float32),
                tf.constant(grid.widths, tf.float32),
                grid.stride,
                grid.offset,
            )
            for shape, grid in zip(feature_shapes, self.grids, strict=True)
        ]
        return priors_of_levels(tiles, [grid.stride for grid in self.grids])
