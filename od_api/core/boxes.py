"""Geometry of boxes `[ymin, xmin, ymax, xmax]`; every function takes any leading shape.

Areas and overlaps of boxes with negative extent count as 0, and so does the IoU of two
boxes of zero area.
"""

import tensorflow as tf

# Sizes of boxes that were scaled there and back may be off by as much of themselves.
_ROUNDING = 1e-5


def area(boxes):
    """[..., 4] -> [...] areas."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    return tf.maximum(ymax - ymin, 0.0) * tf.maximum(xmax - xmin, 0.0)


def within_sizes(sizes, low, high):
    """[...] sizes, roots of areas -> [...] bool: from low to high, both included."""
    return (sizes >= low * (1 - _ROUNDING)) & (sizes <= high * (1 + _ROUNDING))


def intersection(boxes, others):
    """[..., 4], [..., 4] (broadcast) -> [...] areas of overlap."""
    # Edge by edge: broadcasting [..., 4] tensors is several times slower.
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    other_ymin, other_xmin, other_ymax, other_xmax = tf.unstack(others, axis=-1)
    height = tf.minimum(ymax, other_ymax) - tf.maximum(ymin, other_ymin)
    width = tf.minimum(xmax, other_xmax) - tf.maximum(xmin, other_xmin)
    return tf.maximum(height, 0.0) * tf.maximum(width, 0.0)


def iou(boxes, others):
    """[..., 4], [..., 4] (broadcast) -> [...] intersection over union, 0..1."""
    overlap = intersection(boxes, others)
    union = area(boxes) + area(others) - overlap
    return tf.math.divide_no_nan(overlap, union)


def ioa(boxes, others):
    """[..., 4], [..., 4] (broadcast) -> [...] intersection over area of `others`."""
    return tf.math.divide_no_nan(intersection(boxes, others), area(others))


def center_distance(boxes, others):
    """[..., 4], [..., 4] (broadcast) -> [...] D of the centres, 0..1.

    Their squared distance in squared diagonals of the smallest box around both; 0 for
    two points in the same place. Source: Zheng et al., Distance-IoU, AAAI 2020,
    equation 6.
    """
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    other_ymin, other_xmin, other_ymax, other_xmax = tf.unstack(others, axis=-1)
    y = (ymin + ymax - other_ymin - other_ymax) / 2
    x = (xmin + xmax - other_xmin - other_xmax) / 2
    height = tf.maximum(ymax, other_ymax) - tf.minimum(ymin, other_ymin)
    width = tf.maximum(xmax, other_xmax) - tf.minimum(xmin, other_xmin)
    return tf.math.divide_no_nan(y**2 + x**2, height**2 + width**2)


def pairwise(measure, boxes, others):
    """[..., M, 4], [..., N, 4] -> [..., M, N], `measure` of every pair."""
    return measure(boxes[..., :, None, :], others[..., None, :, :])


def center_size(boxes):
    """[..., 4] -> (ycenter, xcenter, height, width), each [...]."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    height, width = ymax - ymin, xmax - xmin
    return ymin + height / 2, xmin + width / 2, height, width


def from_center_size(ycenter, xcenter, height, width):
    """The inverse of `center_size`: four [...] -> [..., 4]."""
    return tf.stack(
        [
            ycenter - height / 2,
            xcenter - width / 2,
            ycenter + height / 2,
            xcenter + width / 2,
        ],
        axis=-1,
    )


def clip(boxes, window):
    """[..., 4] boxes moved into `window` [..., 4] (broadcast), edge by edge."""
    low = tf.concat([window[..., :2], window[..., :2]], axis=-1)
    high = tf.concat([window[..., 2:], window[..., 2:]], axis=-1)
    return tf.clip_by_value(boxes, low, high)


def scale(boxes, y_factor, x_factor):
    """[..., 4] boxes with y and x multiplied; factors broadcast over [...]."""
    factors = tf.stack([y_factor, x_factor, y_factor, x_factor], axis=-1)
    return boxes * tf.cast(factors, boxes.dtype)


def mirror(boxes, width):
    """[..., 4] boxes of an image that is mirrored left to right.

    Args:
      boxes: `[ymin, xmin, ymax, xmax]`.
      width: of the image; broadcasts over [...].
    """
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    return tf.stack([ymin, width - xmax, ymax, width - xmin], axis=-1)
