"""SSD's random crop with one aspect ratio."""

from od_api.augment import _crop
from od_api.augment import _random as random
from od_api.augment.random_crop_to_aspect_ratio import RandomCropToAspectRatio
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SSDRandomCropFixedAspectRatioOperation)
class SSDRandomCropFixedAspectRatioOperation:
    """One rule; see `SSDRandomCropOperation` for the fields."""

    def __init__(
        self,
        *,
        min_object_covered=0.0,
        min_area=0.1,
        max_area=1.0,
        overlap_thresh=0.0,
        random_coef=0.0,
        clip_boxes=True,
    ):
        self.rule = _crop.operation_rule(
            min_object_covered=min_object_covered,
            min_area=min_area,
            max_area=max_area,
            overlap_thresh=overlap_thresh,
            random_coef=random_coef,
            clip_boxes=clip_boxes,
        )


@register(preprocessor_pb2.SSDRandomCropFixedAspectRatio)
class SSDRandomCropFixedAspectRatio:
    """`SSDRandomCrop` with windows of one aspect ratio (width / height).

    Images that were left whole are cut to that ratio as well. Without operations there
    are the seven of `SSDRandomCrop`.
    """

    def __init__(self, *, operations=(), aspect_ratio=1.0):
        given = [operation.rule for operation in operations]
        rules = given or _crop.built_in_rules(0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
        ranges.above("aspect_ratio", aspect_ratio)
        ratios = (aspect_ratio, aspect_ratio)
        self._rules = [r._replace(aspect_ratio_range=ratios).checked() for r in rules]
        self._to_aspect_ratio = RandomCropToAspectRatio(
            aspect_ratio=aspect_ratio, clip_boxes=all(r.clip_boxes for r in rules)
        )

    def __call__(self, sample, seed):
        choice, crop_seed, cut_seed = random.seeds(seed, 3)
        index = _crop.draw_rule(choice, self._rules)
        cropped = _crop.random_crop(sample, crop_seed, self._rules, index)
        return self._to_aspect_ratio(cropped, cut_seed)
