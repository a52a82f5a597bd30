"""The anchors of SSD: few scales, one for each feature map."""

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
from od_api.protos import ssd_anchor_generator_pb2

# The old API's choice for the finest map: a small square, two long boxes.
LOWEST_LAYER_SMALL_SCALE = 0.1


@register(ssd_anchor_generator_pb2.SsdAnchorLayer)
class SsdAnchorLayer:
    """The boxes of one map's cells; without any setting there are none.

    Args:
      aspect_ratios: one box of the map's scale for each.
      interpolated_scale_aspect_ratio: as in `SsdAnchorGenerator`; 0 leaves it out.
    """

    def __init__(self, *, aspect_ratios=(), interpolated_scale_aspect_ratio=0.0):
        self.aspect_ratios = ranges.above("aspect_ratios", aspect_ratios)
        self.interpolated_ratio = ranges.at_least(
            "interpolated_scale_aspect_ratio", interpolated_scale_aspect_ratio
        )


@register(ssd_anchor_generator_pb2.SsdAnchorGenerator)
class SsdAnchorGenerator:
    """Boxes of one scale and several aspect ratios on each of several feature maps.

    A box of scale s and aspect ratio r (width over height) is
    s / sqrt(r) * base_anchor_height * m high and s * sqrt(r) * base_anchor_width * m
    wide, m being the shorter side of the image in pixels. Boxes may leave the image.
    Source: Liu et al., SSD, ECCV 2016, section 2.2, with the old API's choice of
    scales, which gives 1,917 anchors at 300 px over maps of 19, 10, 5, 3, 2 and 1.

    Args:
      num_layers: number of feature maps.
      min_scale: scale of the first map; the others are evenly spaced up to
      max_scale: the scale of the last map.
      aspect_ratios: one box of the map's scale for each.
      reduce_boxes_in_lowest_layer: the first map has three boxes only: scale 0.1 with
        ratio 1, and the map's scale with ratios 2 and 1/2.
      base_anchor_height: factor of all heights.
      base_anchor_width: factor of all widths.
      height_stride: pixels between rows of cells, one number for each map; empty
        divides the image evenly.
      width_stride: likewise for columns.
      height_offset: pixels to the centre of the first row, one number for each map;
        empty is half a stride.
      width_offset: likewise for columns.
      scales: one for each map, instead of min_scale and max_scale.
      interpolated_scale_aspect_ratio: each map has one more box of this ratio, its
        scale the geometric mean of this map's and the next one's (1 after the last);
        0 leaves it out.
      layers: a `SsdAnchorLayer` for each map, in place of aspect_ratios,
        interpolated_scale_aspect_ratio and reduce_boxes_in_lowest_layer. A map may be
        without boxes: large objects are left to deep maps, small ones to shallow ones.

    Attributes:
      per_location: boxes on each cell, one int for each map.
    """

    def __init__(
        self,
        *,
        num_layers=6,
        min_scale=0.2,
        max_scale=0.95,
        aspect_ratios=(),
        reduce_boxes_in_lowest_layer=True,
        base_anchor_height=1.0,
        base_anchor_width=1.0,
        height_stride=(),
        width_stride=(),
        height_offset=(),
        width_offset=(),
        scales=(),
        interpolated_scale_aspect_ratio=1.0,
        layers=(),
    ):
        ranges.at_least("num_layers", num_layers, 1, ranges.MOST_LAYERS)
        if scales and len(scales) < num_layers:
            raise ValueError(
                f"scales has {len(scales)} numbers and num_layers is {num_layers}; "
                "give one scale for each layer"
            )
        ranges.above("scales", scales)
        ranges.above("min_scale", min_scale)
        if not scales:
            ranges.ordered("min_scale", min_scale, "max_scale", max_scale)
        ranges.above("max_scale", max_scale)
        ranges.above("aspect_ratios", aspect_ratios)
        ranges.above("base_anchor_height", base_anchor_height)
        ranges.above("base_anchor_width", base_anchor_width)
        ranges.at_least(
            "interpolated_scale_aspect_ratio", interpolated_scale_aspect_ratio
        )
        ranges.at_least("height_stride", height_stride, 1, ranges.LONGEST_SIDE)
        ranges.at_least("width_stride", width_stride, 1, ranges.LONGEST_SIDE)
        ranges.finite("height_offset", height_offset)
        ranges.finite("width_offset", width_offset)
        self.strides = _pairs("stride", height_stride, width_stride, num_layers)
        self.offsets = _pairs("offset", height_offset, width_offset, num_layers)
        self.base_size = (base_anchor_height, base_anchor_width)
        scales = list(scales) or _even_scales(min_scale, max_scale, num_layers)
        same = SsdAnchorLayer(
            aspect_ratios=aspect_ratios,
            interpolated_scale_aspect_ratio=interpolated_scale_aspect_ratio,
        )
        _check_layers(layers, num_layers, aspect_ratios)
        pairs = list(zip(scales, [*scales[1:], 1.0], strict=True))[:num_layers]
        self.specs = [
            _layer_specs(*pair, layer)
            for pair, layer in zip(pairs, layers or [same] * num_layers, strict=True)
        ]
        if reduce_boxes_in_lowest_layer and not layers:
            self.specs[0] = [
                (LOWEST_LAYER_SMALL_SCALE, 1.0),
                (scales[0], 2.0),
                (scales[0], 0.5),
            ]
        self.per_location = [len(specs) for specs in self.specs]
        if not (any if layers else all)(self.per_location):
            raise ValueError(
                "no anchors: give aspect_ratios, or leave "
                "interpolated_scale_aspect_ratio above 0"
            )

    def __call__(self, feature_shapes, image_shape):
        """num_layers (h, w) and (H, W), ints or scalars -> Priors, in pixels."""
        check_maps(feature_shapes, len(self.specs), "ssd_anchor_generator")
        size = image_size(image_shape)
        shorter = tf.minimum(*size)
        tiles, strides = [], []
        for i, (shape, specs) in enumerate(
            zip(feature_shapes, self.specs, strict=True)
        ):
            heights = [s / math.sqrt(r) * self.base_size[0] for s, r in specs]
            widths = [s * math.sqrt(r) * self.base_size[1] for s, r in specs]
            stride = self.strides[i] if self.strides else _even_strides(size, shape)
            offset = self.offsets[i] if self.offsets else _halves(stride)
            tiles.append(
                tile_boxes(
                    shape,
                    tf.constant(heights, tf.float32) * shorter,
                    tf.constant(widths, tf.float32) * shorter,
                    stride,
                    offset,
                )
            )
            strides.append(stride)
        return priors_of_levels(tiles, strides)


def _even_scales(low, high, count):
    step = (high - low) / max(count - 1, 1)
    return [low + step * i for i in range(count)]


def _check_layers(layers, num_layers, aspect_ratios):
    if layers and len(layers) != num_layers:
        raise ValueError(
            f"layers has {len(layers)} entries and num_layers is {num_layers}; give "
            "one for each layer, empty for one without anchors"
        )
    if layers and aspect_ratios:
        raise ValueError(
            "layers says the aspect ratios of each layer: remove aspect_ratios"
        )


def _layer_specs(scale, next_scale, layer):
    """(scale, aspect ratio) of every box of one map."""
    specs = [(scale, ratio) for ratio in layer.aspect_ratios]
    if layer.interpolated_ratio > 0:
        specs.append((math.sqrt(scale * next_scale), layer.interpolated_ratio))
    return specs


def _even_strides(size, feature_shape):
    return [
        pixels / tf.cast(cells, tf.float32)
        for pixels, cells in zip(size, feature_shape, strict=True)
    ]


def _halves(stride):
    return [0.5 * tf.cast(step, tf.float32) for step in stride]


def _pairs(name, heights, widths, count):
    """[(y, x)] for each map, or [] where the config leaves them to the image."""
    if not heights and not widths:
        return []
    if len(heights) != count or len(widths) != count:
        raise ValueError(
            f"height_{name} has {len(heights)} numbers, width_{name} {len(widths)}, "
            f"and num_layers is {count}; give one of each for every layer, or none"
        )
    return list(zip(heights, widths, strict=True))
