"""A square of the image, or around it, as CornerNet and CenterNet crop."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2

# They are a tensor of their own.
MOST_SCALES = 10_000


@register(preprocessor_pb2.RandomSquareCropByScale)
class RandomSquareCropByScale:
    """Crops a square whose side is a random multiple of the image's longer side.

    What lies outside the image is black. Boxes are clipped to the square, those outside
    are dropped, and keypoints outside are unset. Source: Zhou et al., Objects as
    Points, 2019.

    Args:
      max_border: the square's centre keeps this distance from the image's border, or
        half of it, a quarter and so on, until the image has room for it.
      scale_min, scale_max, num_scales: the multiples are `num_scales` evenly spaced
        numbers from scale_min to scale_max.
    """

    def __init__(self, *, max_border=128, scale_min=0.6, scale_max=1.3, num_scales=8):
        random.check_range("scale_min", scale_min, "scale_max", scale_max)
        ranges.above("scale_min", scale_min)
        ranges.at_least("num_scales", num_scales, 1, MOST_SCALES)
        ranges.at_least("max_border", max_border, 0, ranges.LONGEST_SIDE)
        self._max_border = max_border
        self._scales = (float(scale_min), float(scale_max), num_scales)

    def __call__(self, sample, seed):
        scale_seed, y_seed, x_seed = random.seeds(seed, 3)
        h, w = geometry.size(sample)
        index = random.integer(scale_seed, 0, self._scales[2])
        scale = tf.linspace(*self._scales)[index]
        side = tf.cast(scale * tf.cast(tf.maximum(h, w), tf.float32), tf.int32)
        side = tf.maximum(side, 1)
        y_border, x_border = self._border(h), self._border(w)
        top = random.integer(y_seed, y_border, h - y_border + 1) - side // 2
        left = random.integer(x_seed, x_border, w - x_border + 1) - side // 2
        cropped = geometry.view(sample, top, left, side, side)
        return geometry.keep_visible(cropped)

    def _border(self, extent):
        """The border halved until it is at most half the extent, at least 1."""
        if self._max_border == 0:
            return tf.constant(0)
        ratio = 2.0 * self._max_border / tf.cast(extent, tf.float32)
        halvings = tf.math.ceil(tf.math.log(ratio) / tf.math.log(2.0))
        divisor = tf.clip_by_value(2.0**halvings, 1.0, float(self._max_border))
        return self._max_border // tf.cast(divisor, tf.int32)
