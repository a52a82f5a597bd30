"""Values of a map at any places, interpolated; with gradients to map and places."""

import tensorflow as tf

from od_api.layers.bilinear_crops import map_shape


def sample(maps, y, x):
    """Bilinear samples of maps; what lies outside of a map is 0.

    Places are counted in cells, a cell's value stands at its whole number. Between the
    border and one cell outside the value falls off to 0. Only gathers and products: all
    shapes are static where those of the arguments are, as XLA needs.

    Args:
      maps: [N, h, w, C] floats.
      y, x: [N, M] float32.

    Returns:
      [N, M, C] float32.
    """
    height, width = map_shape(maps)
    batch = tf.shape(maps)[0]
    flat = tf.reshape(maps, [batch, height * width, maps.shape[-1]])
    total = 0.0
    for row, row_weight in _neighbours(y, height):
        for column, weight in _neighbours(x, width):
            values = tf.gather(flat, row * width + column, batch_dims=1)
            weight = (row_weight * weight)[..., None]
            total += tf.cast(values, tf.float32) * weight
    return total


def _neighbours(places, length):
    """The two cells around each place, with their weights."""
    # Far away nothing changes any more, and whole numbers stay whole.
    places = tf.clip_by_value(places, -2.0, tf.cast(length, tf.float32) + 1.0)
    low = tf.stop_gradient(tf.floor(places))
    share = places - low
    for shift, weight in ((0, 1.0 - share), (1, share)):
        cell = tf.cast(low, tf.int32) + shift
        inside = (cell >= 0) & (cell < length)
        index = tf.clip_by_value(cell, 0, length - 1)
        yield index, tf.where(inside, weight, 0.0)
