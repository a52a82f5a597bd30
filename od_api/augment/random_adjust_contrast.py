"""More or less contrast."""

from od_api.augment import _color as color
from od_api.augment import _random as random
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomAdjustContrast)
class RandomAdjustContrast:
    """Multiplies the distance from each channel's mean by one factor.

    The factor is drawn from [min_delta, max_delta). Only the image changes; the result
    is clipped to 0..255.
    """

    def __init__(self, *, min_delta=0.8, max_delta=1.25):
        random.check_range("min_delta", min_delta, "max_delta", max_delta, at_least=0)
        self._range = (min_delta, max_delta)

    def __call__(self, sample, seed):
        return {**sample, "image": color.contrast(sample["image"], seed, *self._range)}
