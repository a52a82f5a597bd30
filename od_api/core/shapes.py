"""Sizes of images and maps."""

import tensorflow as tf


def spatial_shape(tensor):
    """(h, w) of [B, h, w, ...], as Python ints where they are known."""
    static, dynamic = tensor.shape, tf.shape(tensor)
    return tuple(static[i] if static[i] is not None else dynamic[i] for i in (1, 2))


def image_windows(true_shapes):
    """[B, 2] heights and widths -> [B, 4] windows `[0, 0, height, width]`, float32."""
    corners = tf.concat([tf.zeros_like(true_shapes), true_shapes], axis=1)
    return tf.cast(corners, tf.float32)


def pad_to_multiple(images, multiple):
    """Pads [B, H, W, 3] at the bottom and right with zeros."""
    if multiple <= 1:
        return images
    height, width = spatial_shape(images)
    bottom, right = -height % multiple, -width % multiple
    return tf.pad(images, [[0, 0], [0, bottom], [0, right], [0, 0]])
