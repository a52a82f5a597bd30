"""Black squares on the image."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2

# One by one, in a loop.
MOST_PATCHES = 10_000


@register(preprocessor_pb2.RandomBlackPatches)
class RandomBlackPatches:
    """Blackens up to `max_black_patches` squares; only the image changes.

    Args:
      max_black_patches: squares that are tried.
      probability: of each of them to be drawn, 0 to 1.
      size_to_image_ratio: side of a square as a part of the image's shorter side.
    """

    def __init__(
        self, *, max_black_patches=10, probability=0.5, size_to_image_ratio=0.1
    ):
        ranges.at_least("max_black_patches", max_black_patches, 0, MOST_PATCHES)
        ranges.probability("probability", probability)
        ranges.probability("size_to_image_ratio", size_to_image_ratio)
        self._count = max_black_patches
        self._probability = probability
        self._ratio = size_to_image_ratio

    def __call__(self, sample, seed):
        coin, y_seed, x_seed = random.seeds(seed, 3)
        h, w = geometry.size(sample)
        side = tf.cast(tf.cast(tf.minimum(h, w), tf.float32) * self._ratio, tf.int32)
        drawn = random.uniform(coin, shape=[self._count]) < self._probability
        rows = self._covered(y_seed, h, side) & drawn[:, None]
        columns = self._covered(x_seed, w, side)
        # How many squares cover each pixel, [h, w].
        rows, columns = tf.cast(rows, tf.float32), tf.cast(columns, tf.float32)
        black = tf.matmul(rows, columns, transpose_a=True) > 0
        image = sample["image"]
        return {**sample, "image": tf.where(black[..., None], 0.0, image)}

    def _covered(self, seed, extent, side):
        """[count, extent] bool, the rows (or columns) of each square."""
        start = random.uniform(seed, 0.0, 1.0 - self._ratio, shape=[self._count, 1])
        start = tf.cast(start * tf.cast(extent, tf.float32), tf.int32)
        position = tf.range(extent)[None]
        return (position >= start) & (position < start + side)
