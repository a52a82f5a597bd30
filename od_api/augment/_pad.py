"""An image placed at random inside a larger one."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import ranges


def random_pad(sample, seed, low, high, color=None):
    """The sample somewhere inside an image of a random size.

    Args:
      low, high: (height, width), int32; the new size is drawn from [low, high). An
        image that is larger than the drawn size keeps its own.
      color: [3] float32; the mean colour of the image if None.
    """
    drawn = random.seeds(seed, 4)
    if color is None:
        color = tf.reduce_mean(sample["image"], axis=(0, 1))
    target, corner = [], []
    for i, extent in enumerate(geometry.size(sample)):
        smallest = tf.maximum(tf.cast(low[i], tf.int32), extent)
        target.append(random.integer(drawn[i], smallest, high[i]))
        corner.append(random.integer(drawn[i + 2], 0, target[i] - extent + 1))
    return geometry.view(sample, -corner[0], -corner[1], *target, color=color)


def check_color(pad_color):
    """A list of 3 floats or None for an empty list; ValueError for another length."""
    if len(pad_color) not in (0, 3):
        raise ValueError(
            f"pad_color has {len(pad_color)} values; give red, green and blue (0 to "
            "255), or none for the mean colour of the image"
        )
    return list(ranges.finite("pad_color", pad_color)) or None


def check_ratios(name, values, default):
    """(height, width) ratios; `default` for an empty list; ValueError otherwise."""
    if not values:
        return default
    if len(values) != 2:
        raise ValueError(f"{name} is {list(values)}; give two, for height and width")
    return tuple(ranges.above(name, values, 0, 100))


def padded_size(sample, ratios):
    """[2] int32: the image's (h, w) times the ratios [2], rounded down."""
    extent = tf.cast(tf.stack(geometry.size(sample)), tf.float32)
    return tf.cast(extent * ratios, tf.int32)
