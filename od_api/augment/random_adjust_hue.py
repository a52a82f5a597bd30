"""Colours turned on the colour circle."""

from od_api.augment import _color as color
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomAdjustHue)
class RandomAdjustHue:
    """Turns all hues by d of the colour circle, d drawn from [-max_delta, max_delta).

    Only the image changes; the result is clipped to 0..255.
    """

    def __init__(self, *, max_delta=0.02):
        if not 0 <= max_delta <= 0.5:
            raise ValueError(
                f"max_delta is {max_delta:g}; it must be from 0 to 0.5, half the circle"
            )
        self._max_delta = max_delta

    def __call__(self, sample, seed):
        return {**sample, "image": color.hue(sample["image"], seed, self._max_delta)}
