"""SSD's random crop: one of several rules, drawn for each image."""

from od_api.augment import _crop
from od_api.augment import _random as random
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SSDRandomCropOperation)
class SSDRandomCropOperation:
    """One rule; see `RandomCropImage` for the fields.

    Aspect ratios and areas that are not set are 0.5 to 2 and 0.1 to 1; the other fields
    are 0 when they are not set: any overlap will do, and always crop.
    """

    def __init__(
        self,
        *,
        min_object_covered=0.0,
        min_aspect_ratio=0.5,
        max_aspect_ratio=2.0,
        min_area=0.1,
        max_area=1.0,
        overlap_thresh=0.0,
        random_coef=0.0,
        clip_boxes=True,
    ):
        self.rule = _crop.operation_rule(
            min_object_covered=min_object_covered,
            min_aspect_ratio=min_aspect_ratio,
            max_aspect_ratio=max_aspect_ratio,
            min_area=min_area,
            max_area=max_area,
            overlap_thresh=overlap_thresh,
            random_coef=random_coef,
            clip_boxes=clip_boxes,
        )


@register(preprocessor_pb2.SSDRandomCrop)
class SSDRandomCrop:
    """Crops by one of the operations, all equally likely.

    Without operations there are seven, with 0, .1, .3, .5, .7, .9 and 1 as the part of
    some object that must be covered and of each object that keeps its box; 15 in 100
    images stay as they are. Source: Liu et al., SSD, ECCV 2016, section 2.2.
    """

    keeps_bytes = True

    def __init__(self, *, operations=()):
        given = [operation.rule for operation in operations]
        self._rules = given or _crop.built_in_rules(0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)

    def __call__(self, sample, seed):
        choice, crop_seed = random.seeds(seed, 2)
        index = _crop.draw_rule(choice, self._rules)
        return _crop.random_crop(sample, crop_seed, self._rules, index)
