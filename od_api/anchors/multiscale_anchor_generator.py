"""The anchors of RetinaNet: sizes that double from one pyramid level to the next."""

import math

import tensorflow as tf

from od_api.anchors._tile import (
    check_maps,
    image_size,
    priors_of_levels,
    tile_boxes,
)
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import multiscale_anchor_generator_pb2

# A stride of 2^15 is wider than the longest side of an image.
MOST_LEVELS = 15


@register(
    multiscale_anchor_generator_pb2.MultiscaleAnchorGenerator,
    ignored={"normalize_coordinates": "anchors are in pixels inside od_api"},
)
class MultiscaleAnchorGenerator:
    """Boxes whose size is proportional to the stride 2^level of their feature map.

    On level l, a box of octave step i and aspect ratio r (width over height) has the
    area (anchor_scale * 2^l * 2^(i / scales_per_octave))^2. Centres lie in the middle
    of a stride, or, as in the old API, at its beginning on an axis where the image is
    no multiple of the stride. Source: Lin et al., Focal Loss, ICCV 2017, section 4.

    Args:
      min_level: finest level.
      max_level: coarsest level.
      anchor_scale: side of the smallest square of a level, in strides.
      aspect_ratios: one box of each octave step for each.
      scales_per_octave: number of octave steps.

    Attributes:
      per_location: boxes on each cell, one int for each level.
    """

    def __init__(
        self,
        *,
        min_level=3,
        max_level=7,
        anchor_scale=4.0,
        aspect_ratios=(),
        scales_per_octave=2,
    ):
        if not 0 <= min_level <= max_level:
            raise ValueError(
                f"min_level is {min_level} and max_level {max_level}; levels start at "
                "0 and min_level must not be above max_level"
            )
        if not aspect_ratios:
            raise ValueError("no anchors: give aspect_ratios above 0")
        ranges.at_least("max_level", max_level, 0, MOST_LEVELS)
        ranges.above("anchor_scale", anchor_scale)
        ranges.above("aspect_ratios", aspect_ratios)
        ranges.at_least("scales_per_octave", scales_per_octave, 1, ranges.MOST_LAYERS)
        self.levels = range(min_level, max_level + 1)
        octaves = [2 ** (i / scales_per_octave) for i in range(scales_per_octave)]
        self.sizes = [
            (anchor_scale * s / math.sqrt(r), anchor_scale * s * math.sqrt(r))
            for r in aspect_ratios
            for s in octaves
        ]
        self.per_location = [len(self.sizes)] * len(self.levels)

    def __call__(self, feature_shapes, image_shape):
        """One (h, w) a level, and (H, W), ints or scalars -> Priors, in pixels."""
        check_maps(feature_shapes, len(self.levels), "multiscale_anchor_generator")
        size = image_size(image_shape)
        heights, widths = tf.unstack(tf.constant(self.sizes, tf.float32), axis=1)
        tiles, strides = [], []
        for level, shape in zip(self.levels, feature_shapes, strict=True):
            stride = float(2**level)
            offset = [tf.where(side % stride == 0, stride / 2, 0.0) for side in size]
            tiles.append(
                tile_boxes(
                    shape, heights * stride, widths * stride, (stride, stride), offset
                )
            )
            strides.append((stride, stride))
        return priors_of_levels(tiles, strides)
