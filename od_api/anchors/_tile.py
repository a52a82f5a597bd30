"""Boxes of given sizes centred on the cells of a feature map."""

import tensorflow as tf

from od_api.core import boxes
from od_api.core.errors import UserError
from od_api.core.types import Priors


def tile_boxes(feature_shape, heights, widths, stride, offset):
    """One box of every size on every cell.

    Args:
      feature_shape: (h, w) of the map, ints or int32 scalars.
      heights: [k] float32, pixels.
      widths: [k] float32, pixels.
      stride: (y, x) pixels between the centres of neighbouring cells.
      offset: (y, x) pixels of the centre of cell (0, 0).

    Returns:
      [h * w * k, 4] float32; sizes vary fastest, then columns, then rows, which is the
      order of a predictor's [h, w, k * code] output.
    """
    centers = [
        tf.cast(tf.range(size), tf.float32) * tf.cast(step, tf.float32)
        + tf.cast(start, tf.float32)
        for size, step, start in zip(feature_shape, stride, offset, strict=True)
    ]
    ycenter, xcenter, height = tf.meshgrid(*centers, heights, indexing="ij")
    width = tf.broadcast_to(widths, tf.shape(height))
    tiled = boxes.from_center_size(ycenter, xcenter, height, width)
    return tf.reshape(tiled, [-1, 4])


def priors_of_levels(tiles, strides):
    """The anchors of all levels, one after another.

    Args:
      tiles: for each level, its boxes [a, 4].
      strides: for each level, (y, x) pixels between its cells.

    Returns:
      Priors, all valid.
    """
    counts = [tf.shape(tile)[0] for tile in tiles]
    levels = [tf.fill([n], level) for level, n in enumerate(counts)]
    pixels = [
        tf.tile(tf.stack([tf.cast(s, tf.float32) for s in stride])[None], [n, 1])
        for stride, n in zip(strides, counts, strict=True)
    ]
    anchors = tf.concat(tiles, axis=0)
    return Priors(
        boxes=anchors,
        strides=tf.concat(pixels, axis=0),
        levels=tf.concat(levels, axis=0),
        valid=tf.ones_like(anchors[:, 0], tf.bool),
    )


def image_size(image_shape):
    """(H, W) as float32 scalars."""
    height, width = image_shape
    return tf.cast(height, tf.float32), tf.cast(width, tf.float32)


def check_maps(feature_shapes, expected, name):
    """Raises UserError unless there are as many maps as the generator is made for."""
    if len(feature_shapes) != expected:
        raise UserError(
            f"{name} is made for {expected} feature maps and the network gives "
            f"{len(feature_shapes)}; change the anchor generator or the number of maps"
        )
