"""Noise on a square of the image."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RandomPatchGaussian)
class RandomPatchGaussian:
    """Adds Gaussian noise inside one random square; only the image changes.

    The square's centre is any pixel, so that it may reach beyond the image. The result
    is clipped to 0..255 inside the square. Source: Lopes et al., Improving Robustness
    Without Sacrificing Accuracy with Patch Gaussian Augmentation, 2019.

    Args:
      random_coef: probability of leaving the image as it is.
      min_patch_size, max_patch_size: the side is drawn from [min, max) pixels.
      min_gaussian_stddev, max_gaussian_stddev: the standard deviation is drawn from
        [min, max), as a part of 255.
    """

    def __init__(
        self,
        *,
        random_coef=0.0,
        min_patch_size=1,
        max_patch_size=250,
        min_gaussian_stddev=0.0,
        max_gaussian_stddev=1.0,
    ):
        ranges.probability("random_coef", random_coef)
        sizes = (min_patch_size, max_patch_size)
        random.check_range("min_patch_size", sizes[0], "max_patch_size", sizes[1], 1)
        stddevs = (min_gaussian_stddev, max_gaussian_stddev)
        random.check_range(
            "min_gaussian_stddev", stddevs[0], "max_gaussian_stddev", stddevs[1], 0
        )
        self._random_coef = random_coef
        self._sizes = sizes
        self._stddevs = stddevs

    def __call__(self, sample, seed):
        coin, side_seed, stddev_seed, y_seed, x_seed, noise_seed = random.seeds(seed, 6)
        h, w = geometry.size(sample)
        side = random.integer(side_seed, *self._sizes)
        rows = _covered(random.integer(y_seed, 0, h), side, h)
        columns = _covered(random.integer(x_seed, 0, w), side, w)
        stddev = random.uniform(stddev_seed, *self._stddevs)

        def add_noise(s):
            image = s["image"]
            noise = tf.random.stateless_normal(tf.shape(image), noise_seed)
            noisy = tf.clip_by_value(image + 255.0 * stddev * noise, 0.0, 255.0)
            patch = (rows[:, None] & columns)[..., None]
            return {**s, "image": tf.where(patch, noisy, image)}

        flag = ~random.chance(coin, self._random_coef)
        return random.apply_if(flag, add_noise, sample)


def _covered(center, side, extent):
    """[extent] bool, the rows (or columns) of a square around `center`."""
    start = center - side // 2
    position = tf.range(extent)
    return (position >= start) & (position < start + side)
