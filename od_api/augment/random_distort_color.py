"""Brightness, contrast, hue and saturation, all at once."""

from od_api.augment import _color as color
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2

# The strengths of the Inception preprocessing that SSD took over.
_BRIGHTNESS = 32 / 255
_FACTORS = (0.5, 1.5)
_HUE = 0.2


@register(preprocessor_pb2.RandomDistortColor)
class RandomDistortColor:
    """Distorts brightness, saturation, hue and contrast, each by a random amount.

    Only the image changes; it is clipped to 0..255 after each of the four.

    Args:
      color_ordering: 0 for brightness, saturation, hue, contrast; 1 for brightness,
        contrast, saturation, hue.
    """

    def __init__(self, *, color_ordering=0):
        ranges.between("color_ordering", color_ordering, 0, 1)
        self._contrast_last = color_ordering == 0

    def __call__(self, sample, seed):
        first, second, third, fourth = random.seeds(seed, 4)
        image = color.brightness(sample["image"], first, _BRIGHTNESS)
        if not self._contrast_last:
            image = color.contrast(image, fourth, *_FACTORS)
        image = color.saturation(image, second, *_FACTORS)
        image = color.hue(image, third, _HUE)
        if self._contrast_last:
            image = color.contrast(image, fourth, *_FACTORS)
        return {**sample, "image": image}
