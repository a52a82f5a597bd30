"""The AutoAugment operations that move objects: turned, sheared and shifted images.

A move is a [3, 3] matrix that takes (y, x, 1) in pixels to where the point goes.
"""

import math

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.augment._autoaugment_pixels import GRAY

_DEGREES = 30.0
_SHEAR = 0.3


def rotation(seed, level, size):
    """By 3 level degrees about the centre, either way."""
    angle = _either_way(seed, level / 10 * _DEGREES * math.pi / 180)
    y, x = size[0] / 2, size[1] / 2
    c, s = tf.cos(angle), tf.sin(angle)
    return _matrix([[c, -s, y - c * y + s * x], [s, c, x - s * y - c * x]])


def shear_x(seed, level, size):
    """Rows moved sideways by up to 0.3 pixels for each row, either way."""
    return _matrix(
        [[1.0, 0.0, 0.0], [_either_way(seed, level / 10 * _SHEAR), 1.0, 0.0]]
    )


def shear_y(seed, level, size):
    """Columns moved down by up to 0.3 pixels for each column, or up."""
    return _matrix(
        [[1.0, _either_way(seed, level / 10 * _SHEAR), 0.0], [0.0, 1.0, 0.0]]
    )


def translation_x(most):
    """A move to either side by up to `most` pixels (at level 10)."""

    def move(seed, level, size):
        pixels = _either_way(seed, level / 10 * most)
        return _matrix([[1.0, 0.0, 0.0], [0.0, 1.0, pixels]])

    return move


def translation_y(most):
    """A move up or down by up to `most` pixels (at level 10)."""

    def move(seed, level, size):
        pixels = _either_way(seed, level / 10 * most)
        return _matrix([[1.0, 0.0, pixels], [0.0, 1.0, 0.0]])

    return move


def move_sample(sample, seed, level, move):
    """Image, boxes, masks and keypoints moved; boxes that leave the image are dropped.

    A moved box is the one around the four moved corners, clipped to the image.
    """
    image = sample["image"]
    matrix = move(seed, level, _float_size(image))
    ymin, xmin, ymax, xmax = tf.unstack(sample["boxes"], axis=-1)
    corners = tf.stack([ymin, xmin, ymin, xmax, ymax, xmin, ymax, xmax], axis=-1)
    corners = _moved_points(matrix, tf.reshape(corners, [-1, 4, 2]))
    low, high = tf.reduce_min(corners, axis=1), tf.reduce_max(corners, axis=1)
    moved = {
        **sample,
        "image": _warp(image, matrix, GRAY),
        "boxes": tf.concat([low, high], axis=-1),
    }
    if "masks" in sample:
        stacked = tf.transpose(sample["masks"], [1, 2, 0])
        nothing = tf.zeros([], stacked.dtype)
        moved["masks"] = tf.transpose(_warp(stacked, matrix, nothing), [2, 0, 1])
    if "keypoints" in sample:
        moved["keypoints"] = _moved_points(matrix, sample["keypoints"])
    return geometry.keep_visible(moved)


def move_pixels(move):
    """A pixel operation that moves all of the image it gets, such as a box's inside."""

    def operation(image, seed, level):
        return _warp(image, move(seed, level, _float_size(image)), GRAY)

    return operation


def _either_way(seed, amount):
    return tf.where(random.chance(seed, 0.5), amount, -amount)


def _matrix(rows):
    return tf.cast(tf.stack([*map(tf.stack, rows), [0.0, 0.0, 1.0]]), tf.float32)


def _moved_points(matrix, points):
    """[..., 2] (y, x) -> the same after the move."""
    return tf.tensordot(points, matrix[:2, :2], [[-1], [1]]) + matrix[:2, 2]


def _warp(image, matrix, fill):
    """[h, w, C] moved, sampled at the nearest pixel; `fill` where there is none."""
    shape = tf.shape(image)
    h, w = shape[0], shape[1]
    y, x = tf.meshgrid(tf.range(h), tf.range(w), indexing="ij")
    centers = tf.cast(tf.stack([y, x], axis=-1), tf.float32) + 0.5
    source = _moved_points(tf.linalg.inv(matrix), centers)
    source = tf.cast(tf.floor(source), tf.int32)
    inside = tf.reduce_all((source >= 0) & (source < shape[:2]), axis=-1)
    source = tf.clip_by_value(source, 0, shape[:2] - 1)
    flat = tf.reshape(image, [h * w, shape[2]])
    pixels = tf.gather(flat, source[..., 0] * w + source[..., 1])
    warped = tf.where(inside[..., None], pixels, fill)
    warped.set_shape(image.shape)
    return warped


def _float_size(image):
    return tf.cast(tf.shape(image)[:2], tf.float32)
