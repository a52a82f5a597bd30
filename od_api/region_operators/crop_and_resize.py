"""Bilinear crops, the operator of the old API."""

from od_api.core.registry import register
from od_api.layers import bilinear_crops
from od_api.layers.position_sensitive_crop import matmul_position_sensitive_crop
from od_api.protos import region_operator_pb2
from od_api.region_operators._one_level import OneLevel


@register(region_operator_pb2.CropAndResize)
class CropAndResize(OneLevel):
    """Samples a region bilinearly, the first and last sample on the box's corners.

    See `layers/bilinear_crops.py`. Boxes get no gradient.

    Args:
      level_rule: which of several maps a region is read from.
    """

    def crop(self, feature_map, boxes, image_shape, size):
        """[B, h, w, C], [B, P, 4], (H, W), (ch, cw) -> [B, P, ch, cw, C]."""
        form = bilinear_crops.crop_and_resize
        if self.is_static:
            form = bilinear_crops.matmul_crop_and_resize
        return form(feature_map, boxes, image_shape, size)

    def position_sensitive(
        self, score_maps, boxes, image_shape, crop_size, bins, global_pool=True
    ):
        """As `OneLevel` has it; statically as one matrix product."""
        form = super().position_sensitive
        if self.is_static:
            form = matmul_position_sensitive_crop
        return form(score_maps, boxes, image_shape, crop_size, bins, global_pool)
