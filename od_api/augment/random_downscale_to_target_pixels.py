"""Large images made smaller."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomDownscaleToTargetPixels)
class RandomDownscaleToTargetPixels:
    """Resizes images with more than a drawn number of pixels to about that number.

    The shape is kept; boxes, masks and keypoints follow. Smaller images stay as they
    are.

    Args:
      random_coef: probability of leaving the image as it is.
      min_target_pixels, max_target_pixels: the number is drawn from [min, max).
    """

    def __init__(
        self, *, random_coef=0.0, min_target_pixels=300000, max_target_pixels=500000
    ):
        ranges.probability("random_coef", random_coef)
        random.check_range(
            "min_target_pixels",
            min_target_pixels,
            "max_target_pixels",
            max_target_pixels,
            at_least=1,
        )
        self._random_coef = random_coef
        self._range = (min_target_pixels, max_target_pixels)

    def __call__(self, sample, seed):
        coin, target_seed = random.seeds(seed, 2)
        target = random.integer(target_seed, *self._range)
        h, w = geometry.size(sample)
        factor = tf.sqrt(tf.cast(target, tf.float32) / tf.cast(h * w, tf.float32))
        flag = ~random.chance(coin, self._random_coef) & (h * w > target)
        return random.apply_if(
            flag,
            lambda s: geometry.resize(s, *geometry.scaled_size(s, factor)),
            sample,
        )
