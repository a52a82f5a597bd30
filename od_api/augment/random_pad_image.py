"""A larger image around the image."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment._pad import check_color, random_pad
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomPadImage)
class RandomPadImage:
    """Places the image at random inside a larger one; boxes, masks, keypoints follow.

    Args:
      min_image_height, min_image_width: smallest new size in pixels; 0 for the image's.
      max_image_height, max_image_width: the new size stays below this where the minimum
        allows it; None, or unset in a config, for twice the image's.
      pad_color: red, green, blue, 0 to 255; none for the mean colour of the image.

    Raises:
      ValueError: a minimum above its maximum, or a pad_color that is not three values.
    """

    def __init__(
        self,
        *,
        min_image_height=0,
        min_image_width=0,
        max_image_height=None,
        max_image_width=None,
        pad_color=(),
    ):
        self._low = (min_image_height, min_image_width)
        self._high = (max_image_height, max_image_width)
        for side, low, high in zip(
            ("height", "width"), self._low, self._high, strict=True
        ):
            ranges.at_least(f"min_image_{side}", low, 0, ranges.LONGEST_SIDE)
            if high is not None:
                ranges.at_least(f"max_image_{side}", high, 1, ranges.LONGEST_SIDE)
                ranges.ordered(f"min_image_{side}", low, f"max_image_{side}", high)
        self._color = check_color(pad_color)

    def __call__(self, sample, seed):
        double = [2 * s for s in geometry.size(sample)]
        high = [
            given or default for given, default in zip(self._high, double, strict=True)
        ]
        return random_pad(sample, seed, tf.constant(self._low), high, self._color)
