"""The anchors of Faster R-CNN: all scales and aspect ratios on one feature map."""

import math

import tensorflow as tf

from od_api.anchors._tile import check_maps, priors_of_levels, tile_boxes
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import grid_anchor_generator_pb2


@register(grid_anchor_generator_pb2.GridAnchorGenerator)
class GridAnchorGenerator:
    """Boxes of every scale and aspect ratio on every cell of a single feature map.

    A box of scale s and aspect ratio r (width over height) is s / sqrt(r) * height
    pixels high and s * sqrt(r) * width pixels wide, whatever the size of the image.
    Source: Ren et al., Faster R-CNN, NIPS 2015, section 3.1.1.

    Args:
      height: pixels of a box of scale 1 and ratio 1.
      width: likewise.
      height_stride: pixels between rows of cells.
      width_stride: pixels between columns of cells.
      height_offset: pixels to the centre of the first row.
      width_offset: pixels to the centre of the first column.
      scales: at least one.
      aspect_ratios: at least one; scales vary faster.

    Attributes:
      per_location: boxes on each cell, a list of one int.
    """

    def __init__(
        self,
        *,
        height=256,
        width=256,
        height_stride=16,
        width_stride=16,
        height_offset=0,
        width_offset=0,
        scales=(),
        aspect_ratios=(),
    ):
        if not scales or not aspect_ratios:
            raise ValueError(
                "no anchors: give at least one of scales and one of aspect_ratios, "
                "above 0"
            )
        ranges.above("scales", scales)
        ranges.above("aspect_ratios", aspect_ratios)
        for name, side in {"height": height, "width": width}.items():
            ranges.at_least(name, side, 1, ranges.LONGEST_SIDE)
        ranges.at_least("height_stride", height_stride, 1, ranges.LONGEST_SIDE)
        ranges.at_least("width_stride", width_stride, 1, ranges.LONGEST_SIDE)
        ranges.finite("height_offset", height_offset)
        ranges.finite("width_offset", width_offset)
        specs = [(s, math.sqrt(r)) for r in aspect_ratios for s in scales]
        self.heights = [s / root * height for s, root in specs]
        self.widths = [s * root * width for s, root in specs]
        self.stride = (height_stride, width_stride)
        self.offset = (height_offset, width_offset)
        self.per_location = [len(specs)]

    def __call__(self, feature_shapes, image_shape):
        """[(h, w)], ints or scalars -> Priors, in pixels; image_shape is unused."""
        del image_shape
        check_maps(feature_shapes, 1, "grid_anchor_generator")
        heights = tf.constant(self.heights, tf.float32)
        widths = tf.constant(self.widths, tf.float32)
        (shape,) = feature_shapes
        tile = tile_boxes(shape, heights, widths, self.stride, self.offset)
        return priors_of_levels([tile], [self.stride])
