"""The marks of JPEG compression."""

import tensorflow as tf

from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomJpegQuality)
class RandomJpegQuality:
    """Encodes the image as JPEG and decodes it; only the image changes.

    Args:
      random_coef: probability of leaving the image as it is.
      min_jpeg_quality, max_jpeg_quality: the quality is drawn from [min, max), 0 to
        100.
    """

    def __init__(self, *, random_coef=0.0, min_jpeg_quality=0, max_jpeg_quality=100):
        ranges.probability("random_coef", random_coef)
        random.check_range(
            "min_jpeg_quality",
            min_jpeg_quality,
            "max_jpeg_quality",
            max_jpeg_quality,
            at_least=0,
        )
        ranges.between("max_jpeg_quality", max_jpeg_quality, 0, 100)
        self._random_coef = random_coef
        self._range = (min_jpeg_quality, max_jpeg_quality)

    def __call__(self, sample, seed):
        coin, quality_seed = random.seeds(seed, 2)
        quality = random.integer(quality_seed, *self._range)

        def compress(s):
            pixels = tf.cast(tf.clip_by_value(s["image"], 0.0, 255.0), tf.uint8)
            image = tf.cast(tf.image.adjust_jpeg_quality(pixels, quality), tf.float32)
            image.set_shape(s["image"].shape)
            return {**s, "image": image}

        flag = ~random.chance(coin, self._random_coef)
        return random.apply_if(flag, compress, sample)
