"""SSD's random crop with one aspect ratio."""

from od_api.augment import _crop
from od_api.augment import _random as random
from od_api.augment.random_crop_to_aspect_ratio import RandomCropToAspectRatio
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SSDRandomCropFixedAspectRatioOperation)
class SSDRandomCropFixedAspectRatioOperation(_crop.CropOperation):
    """One rule; see `CropOperation`, and `RandomCropImage` for the fields."""


@register(preprocessor_pb2.SSDRandomCropFixedAspectRatio)
class SSDRandomCropFixedAspectRatio:
    """`SSDRandomCrop` with windows of one aspect ratio (width / height).

    Images that were left whole are cut to that ratio as well. Without operations there
    are the seven of `SSDRandomCrop`.
    """

    def __init__(self, *, operations=(), aspect_ratio=1.0):
        rules = _crop.rules_of(operations)
        ranges.above("aspect_ratio", aspect_ratio)
        ratios = (aspect_ratio, aspect_ratio)
        self._rules = [r._replace(aspect_ratio_range=ratios).checked() for r in rules]
        self._to_aspect_ratio = RandomCropToAspectRatio(
            aspect_ratio=aspect_ratio, clip_boxes=all(r.clip_boxes for r in rules)
        )

    def __call__(self, sample, seed):
        choice, crop_seed, cut_seed = random.seeds(seed, 3)
        cropped = _crop.crop_by_any(sample, choice, crop_seed, self._rules)
        return self._to_aspect_ratio(cropped, cut_seed)
