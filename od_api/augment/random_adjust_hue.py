"""Colours turned on the colour circle."""

from od_api.augment import _color as color
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomAdjustHue)
class RandomAdjustHue:
    """Turns all hues by d of the colour circle, d drawn from [-max_delta, max_delta).

    Only the image changes; the result is clipped to 0..255.
    """

    def __init__(self, *, max_delta=0.02):
        # Half the circle.
        ranges.between("max_delta", max_delta, 0, 0.5)
        self._max_delta = max_delta

    def __call__(self, sample, seed):
        return {**sample, "image": color.hue(sample["image"], seed, self._max_delta)}
