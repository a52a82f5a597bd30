"""Crops of a feature map by bilinear sampling, in two forms that agree.

`crop_and_resize` uses TensorFlow's kernel, which XLA does not have;
`matmul_crop_and_resize` is made of matrix products for XLA and TPU. A GPU multiplies
float32 matrices in TensorFloat-32 by default and a TPU in bfloat16, of about three
digits; `tf.config.experimental.enable_tensor_float_32_execution(False)` brings the
GPU's digits back.
"""

import math

import tensorflow as tf

from od_api.layers import engine_operators

# The place of a crop's last sample is rounded four times, each time by at most 2^-24
# of the map's size: 2^-22 keeps it inside.
EDGE = 2.0**-22
# What samples outside of the map are where there are none: a kernel that finds one
# after all gives no number.
UNREAD = math.nan


def crop_and_resize(features, boxes, image_shape, size):
    """Crops of one size from the regions of boxes, by bilinear sampling.

    The box 0..H pixels becomes the samples 0..h - 1 of the map, the first and last of
    them on the corner cells' centres, as `tf.image.crop_and_resize` has it with
    boxes / image size. Samples outside the map are 0; a crop of one sample is the
    middle of the box. Only the features get a gradient.

    A box that ends on the image's edge ends 2^-22 image sizes before it here. Rounding
    would else put the last samples of one such box in twenty outside, and make them 0.

    Args:
      features: [B, h, w, C] floats.
      boxes: [B, P, 4] `[ymin, xmin, ymax, xmax]` in pixels of the padded input.
      image_shape: (H, W) of the padded input, numbers or scalar tensors.
      size: (ch, cw) of a crop, ints.

    Returns:
      [B, P, ch, cw, C] of the features' type, computed in float32.
    """
    return _crops(features, boxes, image_shape, size)


def matmul_crop_and_resize(features, boxes, image_shape, size):
    """`crop_and_resize` as the product of two interpolation matrices and the map.

    Inside of `engine_operators()` it is TensorFlow's kernel, which engines replace;
    where boxes lie inside, samples outside are UNREAD.
    """
    if engine_operators.is_wanted():
        outside = UNREAD if engine_operators.are_boxes_inside() else 0.0
        return _crops(features, boxes, image_shape, size, outside)
    rows, columns = interpolation_matrices(features, boxes, image_shape, size)
    return interpolate(features, rows, columns)


def normalized(boxes, image_shape):
    """[..., 4] pixels -> [..., 4] image sizes, without gradient, 1 moved inwards."""
    height, width = (tf.cast(one, tf.float32) for one in image_shape)
    boxes = tf.cast(tf.stop_gradient(boxes), tf.float32)
    boxes = boxes / tf.stack([height, width, height, width])
    return tf.where(tf.abs(boxes - 1.0) < EDGE, 1.0 - EDGE, boxes)


def interpolation_matrices(features, boxes, image_shape, size):
    """[..., ch, h] and [..., cw, w]: what each cell adds to a crop's rows, columns."""
    ymin, xmin, ymax, xmax = tf.unstack(normalized(boxes, image_shape), axis=-1)
    height, width = map_shape(features)
    return (
        tent_weights(_positions(ymin, ymax, height, size[0]), height),
        tent_weights(_positions(xmin, xmax, width, size[1]), width),
    )


def interpolate(features, rows, columns):
    """[B, h, w, C], [B, P, ch, h], [B, P, cw, w] -> crops [B, P, ch, cw, C]."""
    batch, height, width, depth = _shape(features)
    _, boxes, size, _ = _shape(rows)
    maps = tf.reshape(tf.cast(features, tf.float32), [batch, height, width * depth])
    # One large product for the rows of all boxes, and many small ones for columns:
    # einsum would transpose the maps of every box.
    lines = tf.matmul(tf.reshape(rows, [batch, boxes * size, height]), maps)
    lines = tf.reshape(lines, [batch, boxes, size, width, depth])
    return tf.cast(tf.matmul(columns[:, :, None], lines), features.dtype)


def tent_weights(positions, length):
    """[...] places in cells -> [..., length] bilinear weights, all 0 outside."""
    cells = tf.range(tf.cast(length, tf.float32))
    weights = tf.maximum(0.0, 1.0 - tf.abs(positions[..., None] - cells))
    last = tf.cast(length - 1, tf.float32)
    inside = (positions >= 0.0) & (positions <= last)
    return tf.where(inside[..., None], weights, 0.0)


def map_shape(features):
    """(h, w) of [B, h, w, C]: ints where they are known, else scalar tensors."""
    return _shape(features)[1:3]


def _shape(tensor):
    """Its sizes: ints where they are known, else scalar tensors."""
    static, dynamic = tensor.shape, tf.shape(tensor)
    return [dynamic[i] if n is None else n for i, n in enumerate(static)]


def _crops(features, boxes, image_shape, size, outside=0.0):
    """As `crop_and_resize`; `outside`: what samples outside the map are."""
    features = tf.convert_to_tensor(features)
    maps = tf.cast(features, tf.float32)
    crops = _kernel_crops(maps, boxes, image_shape, size, outside)
    crops = tf.ensure_shape(crops, [*boxes.shape[:2], *size, features.shape[-1]])
    return tf.cast(crops, features.dtype)


def _kernel_crops(features, boxes, image_shape, size, outside):
    """As `_crops`, of float32 maps.

    The kernel's own gradient is not used: on a CPU its threads add to the cells that
    crops share without a lock and lose some of it, in about one call of ten for 64 to
    300 boxes on two cores. Ours is that of the form made of matrix products.
    """
    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    flat = tf.reshape(normalized(boxes, image_shape), [-1, 4])
    owners = tf.repeat(tf.range(batch), count)

    @tf.custom_gradient
    def crops_of(maps):
        def gradient(upstream):
            rows, columns = interpolation_matrices(maps, boxes, image_shape, size)
            return tf.ensure_shape(_spread(upstream, rows, columns), maps.shape)

        crops = tf.image.crop_and_resize(
            maps, flat, owners, size, extrapolation_value=outside
        )
        return tf.reshape(crops, [batch, count, *size, maps.shape[-1]]), gradient

    return crops_of(features)


def _spread(crops, rows, columns):
    """The transpose of `interpolate`: [B, P, ch, cw, C] -> [B, h, w, C]."""
    batch, boxes, size, height = _shape(rows)
    width, depth = _shape(columns)[-1], _shape(crops)[-1]
    lines = tf.matmul(columns[:, :, None], crops, transpose_a=True)
    lines = tf.reshape(lines, [batch, boxes * size, width * depth])
    rows = tf.reshape(rows, [batch, boxes * size, height])
    maps = tf.matmul(rows, lines, transpose_a=True)
    return tf.reshape(maps, [batch, height, width, depth])


def _positions(low, high, length, count):
    """[...] edges in image sizes -> [..., count] sampling places in cells."""
    last = tf.cast(length - 1, tf.float32)
    if count == 1:
        return (0.5 * (low + high) * last)[..., None]
    step = (high - low) * last / (count - 1)
    return low[..., None] * last + tf.range(count, dtype=tf.float32) * step[..., None]
