"""Heat around points: what a map of keypoints has to learn."""

import tensorflow as tf

# Deviations below stand for a point alone; a square of less would vanish in float32.
_LEAST_DEVIATION = 1e-3


def gaussian_radius(heights, widths, min_overlap):
    """How far both corners of a box may move so that its IoU stays at min_overlap.

    The least of three cases: both move the same way, both inwards, both outwards. Each
    is the root of a square equation, in a form that does not subtract. Source: Law and
    Deng, CornerNet, ECCV 2018, section 3.2, with the roots put right.

    Args:
      heights, widths: [...] float32, in any unit.
      min_overlap: above 0, up to 1.

    Returns:
      [...] float32 in that unit; 0 of a box without area.
    """
    total, area, t = heights + widths, heights * widths, min_overlap
    same_way = (1 - t) / (1 + t) * area
    moved = (
        2 * same_way / _plus_root(total, total**2 - 4 * same_way),
        2 * (1 - t) * area / _plus_root(2 * total, 4 * total**2 - 16 * (1 - t) * area),
        2
        * (1 - t)
        * area
        / _plus_root(2 * t * total, 4 * (t * total) ** 2 + 16 * t * (1 - t) * area),
    )
    return tf.where(area > 0.0, tf.reduce_min(tf.stack(moved), axis=0), 0.0)


def _plus_root(value, square):
    """value + sqrt(square), and nothing to divide by 0 with."""
    return tf.maximum(value + tf.sqrt(tf.maximum(square, 0.0)), 1e-12)


def gaussians(cells, deviations, shape, reach=None):
    """exp(-d^2 / (2 deviation^2)) around each point; exactly 1 in its own cell.

    Args:
      cells: [B, G, 2] int32, row and column.
      deviations: [B, G] float32, in cells.
      shape: (h, w) of the map.
      reach: [B, G] float32: 0 farther than that in rows or columns; None: nowhere.

    Returns:
      [B, G, h, w] float32.
    """
    rows, columns = (_along(cells[..., i], deviations, shape[i], reach) for i in (0, 1))
    return rows[..., :, None] * columns[..., None, :]


def _along(places, deviations, size, reach):
    """[B, G] places -> [B, G, size]."""
    away = tf.range(size) - places[..., None]
    away = tf.cast(tf.abs(away), tf.float32)
    deviations = tf.maximum(deviations, _LEAST_DEVIATION)[..., None]
    heat = tf.exp(-tf.square(away / deviations) / 2.0)
    return heat if reach is None else tf.where(away <= reach[..., None], heat, 0.0)


def largest_by_class(values, classes, num_classes):
    """The largest of the values of each class in each cell; 0 where there is none.

    Args:
      values: [B, G, h, w] float32, 0 and more; 0 takes no part.
      classes: [B, G] int32.
      num_classes: K.

    Returns:
      [B, h, w, K] float32.
    """
    shape = tf.shape(values)
    images, rows = shape[0], shape[0] * shape[1]
    segments = classes + num_classes * tf.range(images)[:, None]
    found = tf.math.unsorted_segment_max(
        tf.reshape(values, [rows, shape[2], shape[3]]),
        tf.reshape(segments, [rows]),
        images * num_classes,
    )
    found = tf.reshape(found, [images, num_classes, shape[2], shape[3]])
    # A class without a value has the least of all numbers.
    found = tf.transpose(tf.maximum(found, 0.0), [0, 2, 3, 1])
    return tf.ensure_shape(found, [None, *values.shape[2:], num_classes])
