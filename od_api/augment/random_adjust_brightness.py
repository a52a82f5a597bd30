"""Brighter or darker."""

from od_api.augment import _color as color
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomAdjustBrightness)
class RandomAdjustBrightness:
    """Adds 255 d to the whole image, d drawn from [-max_delta, max_delta).

    Only the image changes; the result is clipped to 0..255.
    """

    def __init__(self, *, max_delta=0.2):
        ranges.between("max_delta", max_delta, 0, 1)
        self._max_delta = max_delta

    def __call__(self, sample, seed):
        image = color.brightness(sample["image"], seed, self._max_delta)
        return {**sample, "image": image}
