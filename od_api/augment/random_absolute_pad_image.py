"""A few pixels around the image."""

from od_api.augment import _geometry as geometry
from od_api.augment._pad import check_color, random_pad
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomAbsolutePadImage)
class RandomAbsolutePadImage:
    """Makes the image larger by fewer than `max_..._padding` pixels, at random sides.

    Boxes, masks and keypoints follow.

    Args:
      max_height_padding, max_width_padding: the number of added rows and columns is
        drawn from [0, max); 0 adds none.
      pad_color: red, green, blue, 0 to 255; none for the mean colour of the image.
    """

    def __init__(self, *, max_height_padding=0, max_width_padding=0, pad_color=()):
        longest = ranges.LONGEST_SIDE
        ranges.at_least("max_height_padding", max_height_padding, 0, longest)
        ranges.at_least("max_width_padding", max_width_padding, 0, longest)
        self._most = (max_height_padding, max_width_padding)
        self._color = check_color(pad_color)

    def __call__(self, sample, seed):
        size = geometry.size(sample)
        high = [s + most for s, most in zip(size, self._most, strict=True)]
        return random_pad(sample, seed, size, high, self._color)
