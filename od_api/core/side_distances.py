"""Where a point lies in a box: its distances to the four sides.

Every function takes any leading shape. A point is where the centre of a box is; the
centre of a box of size 0 is the point itself.
"""

import tensorflow as tf

from od_api.core import boxes as geometry


def four_sides(places, boxes):
    """[..., 4] places, [..., 4] boxes (broadcast) -> distances of the centres.

    Returns:
      left, top, right, bottom (Tian et al., FCOS, ICCV 2019, equation 1), each [...],
      above 0 where the point lies inside of that side. Apart from each other they are
      several times faster to broadcast than [..., 4].
    """
    y, x, _, _ = geometry.center_size(places)
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    return x - xmin, y - ymin, xmax - x, ymax - y


def side_distances(places, boxes):
    """`four_sides` in one tensor, [..., 4]."""
    return tf.stack(four_sides(places, boxes), axis=-1)


def boxes_around(places, distances):
    """The inverse of `side_distances`: [..., 4] boxes."""
    y, x, _, _ = geometry.center_size(places)
    left, top, right, bottom = tf.unstack(distances, axis=-1)
    return tf.stack([y - top, x - left, y + bottom, x + right], axis=-1)


def centerness(distances):
    """[..., 4] distances -> [...] 1 in the middle, 0 on the border and outside.

    sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), FCOS, equation 3.
    """
    left, top, right, bottom = tf.unstack(distances, axis=-1)
    shares = [
        tf.math.divide_no_nan(tf.minimum(a, b), tf.maximum(a, b))
        for a, b in ((left, right), (top, bottom))
    ]
    inside = tf.reduce_all(distances > 0.0, axis=-1)
    return tf.sqrt(tf.where(inside, shares[0] * shares[1], 0.0))
