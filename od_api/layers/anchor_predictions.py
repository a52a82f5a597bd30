"""From one prediction map a level to one row an anchor."""

import tensorflow as tf


def rows_per_anchor(level_maps, size):
    """Lists the predictions of all levels anchor by anchor.

    Rows are ordered by level, then y, then x, then anchor of the location, as the
    anchor generators list their boxes; static shapes stay static.

    Args:
      level_maps: a list of [B, h, w, anchors of a location x size], any float type.
      size: numbers an anchor.

    Returns:
      [B, A, size] float32.
    """
    return tf.concat([_level_rows(maps, size) for maps in level_maps], axis=1)


def _level_rows(maps, size):
    height, width, channels = maps.shape[1:]
    if height is not None and width is not None:
        shape = [-1, height * width * channels // size, size]
    else:
        shape = [tf.shape(maps)[0], -1, size]
    return tf.cast(tf.reshape(maps, shape), tf.float32)
