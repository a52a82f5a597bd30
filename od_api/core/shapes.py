"""Sizes of images and maps."""

import tensorflow as tf


def spatial_shape(tensor):
    """(h, w) of [B, h, w, ...]: two Python ints, or two int32 scalars.

    Scalars where one of the two is not known: Keras layers take numbers or tensors in
    one argument, and not both.
    """
    static = tuple(tensor.shape[1:3])
    if None not in static:
        return static
    dynamic = tf.shape(tensor)
    return dynamic[1], dynamic[2]


def known_or_unknown(images):
    """[B, H, W, 3] images, of which a graph knows both sides or none.

    A function that is traced again for images of another width knows their height
    alone. TensorFlow's optimizer (2.21) then takes the width of a map below a dilated
    convolution for its height, so that anchors and maps do not fit each other.
    """
    if (images.shape[1] is None) == (images.shape[2] is None):
        return images
    shape = [images.shape[0], None, None, images.shape[3]]
    return tf.raw_ops.PlaceholderWithDefault(input=images, shape=shape)


def image_windows(true_shapes):
    """[B, 2] heights and widths -> [B, 4] windows `[0, 0, height, width]`, float32."""
    corners = tf.concat([tf.zeros_like(true_shapes), true_shapes], axis=1)
    return tf.cast(corners, tf.float32)


def scale_between(shape, resized):
    """int32 [..., 2] sizes of an image, and after resizing -> float32 [...] scale.

    The mean of both sides' (their geometric one): a box's size, the root of its area,
    grows by it.
    """
    ratio = tf.cast(resized, tf.float32) / tf.cast(shape, tf.float32)
    return tf.sqrt(ratio[..., 0] * ratio[..., 1])


def pad_to_multiple(images, multiple):
    """Pads [B, H, W, 3] at the bottom and right with zeros."""
    if multiple <= 1:
        return images
    height, width = spatial_shape(images)
    bottom, right = -height % multiple, -width % multiple
    return tf.pad(images, [[0, 0], [0, bottom], [0, right], [0, 0]])


def blank_padding(inputs, true_shapes):
    """Sets the padding of normalised images [B, H, W, 3] to 0, whatever 0 is of them.

    Weights of the old API's SSD were trained on such an input.
    """
    rows = tf.sequence_mask(true_shapes[:, 0], tf.shape(inputs)[1], inputs.dtype)
    columns = tf.sequence_mask(true_shapes[:, 1], tf.shape(inputs)[2], inputs.dtype)
    return inputs * rows[:, :, None, None] * columns[:, None, :, None]
