"""SSD's random crop: one of several rules, drawn for each image."""

from od_api.augment import _crop
from od_api.augment import _random as random
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.SSDRandomCropOperation)
class SSDRandomCropOperation(_crop.CropOperation):
    """One rule; see `CropOperation`, and `RandomCropImage` for the fields."""


@register(preprocessor_pb2.SSDRandomCrop)
class SSDRandomCrop:
    """Crops by one of the operations, all equally likely.

    Without operations there are seven, with 0, .1, .3, .5, .7, .9 and 1 as the part of
    some object that must be covered and of each object that keeps its box; 15 in 100
    images stay as they are. Source: Liu et al., SSD, ECCV 2016, section 2.2.
    """

    keeps_bytes = True

    def __init__(self, *, operations=()):
        self._rules = _crop.rules_of(operations)

    def __call__(self, sample, seed):
        choice, crop_seed = random.seeds(seed, 2)
        return _crop.crop_by_any(sample, choice, crop_seed, self._rules)
