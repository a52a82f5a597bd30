"""Crops of a feature map by bilinear sampling, in two forms that agree.

`crop_and_resize` uses TensorFlow's kernel, which XLA does not have;
`matmul_crop_and_resize` is made of matrix products for XLA and TPU. A GPU multiplies
float32 matrices in TensorFloat-32 by default and a TPU in bfloat16, of about three
digits; `tf.config.experimental.enable_tensor_float_32_execution(False)` brings the
GPU's digits back.
"""

import tensorflow as tf

# The place of a crop's last sample is rounded four times, each time by at most 2^-24
# of the map's size: 2^-22 keeps it inside.
EDGE = 2.0**-22


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
    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    flat = tf.reshape(normalized(boxes, image_shape), [-1, 4])
    owners = tf.repeat(tf.range(batch), count)
    crops = _kernel_crops(tf.cast(features, tf.float32), flat, owners, size)
    crops = tf.reshape(crops, [batch, count, *size, features.shape[-1]])
    crops = tf.ensure_shape(crops, [*boxes.shape[:2], *size, features.shape[-1]])
    return tf.cast(crops, features.dtype)


def matmul_crop_and_resize(features, boxes, image_shape, size):
    """`crop_and_resize` as the product of two interpolation matrices and the map."""
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
    crops = tf.einsum("bpih,bhwc->bpiwc", rows, tf.cast(features, tf.float32))
    crops = tf.einsum("bpjw,bpiwc->bpijc", columns, crops)
    return tf.cast(crops, features.dtype)


def tent_weights(positions, length):
    """[...] places in cells -> [..., length] bilinear weights, all 0 outside."""
    cells = tf.range(tf.cast(length, tf.float32))
    weights = tf.maximum(0.0, 1.0 - tf.abs(positions[..., None] - cells))
    last = tf.cast(length - 1, tf.float32)
    inside = (positions >= 0.0) & (positions <= last)
    return tf.where(inside[..., None], weights, 0.0)


def map_shape(features):
    """(h, w) of [B, h, w, C]: ints where they are known, else scalar tensors."""
    static, dynamic = features.shape, tf.shape(features)
    return [dynamic[i] if static[i] is None else static[i] for i in (1, 2)]


def _kernel_crops(features, boxes, owners, size):
    """[B, h, w, C], normalised [N, 4], their images [N] -> crops [N, ch, cw, C].

    The kernel's own gradient is not used: on a CPU its threads add to the cells that
    crops share without a lock and lose some of it, in about one call of ten for 64 to
    300 boxes on two cores. Ours takes about ten times as long.
    """

    @tf.custom_gradient
    def crops_of(maps):
        def gradient(upstream):
            made = _scatter(upstream, tf.shape(maps), boxes, owners, size)
            return tf.ensure_shape(made, maps.shape)

        return tf.image.crop_and_resize(maps, boxes, owners, size), gradient

    return crops_of(features)


def _scatter(upstream, shape, boxes, owners, size):
    """[N, ch, cw, C] -> [B, h, w, C], each sample's gradient shared by four cells."""
    height, width, depth = shape[1], shape[2], upstream.shape[-1]
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    rows = _neighbours(_positions(ymin, ymax, height, size[0]), height)
    columns = _neighbours(_positions(xmin, xmax, width, size[1]), width)
    cells = shape[0] * height * width
    total = tf.zeros([cells, depth])
    for y, weight_y in rows:
        for x, weight_x in columns:
            y_owned = (owners[:, None] * height + y)[:, :, None]
            index = tf.reshape(y_owned * width + x[:, None, :], [-1])
            weight = weight_y[:, :, None, None] * weight_x[:, None, :, None]
            parts = tf.reshape(weight * upstream, [-1, depth])
            total += tf.math.unsorted_segment_sum(parts, index, cells)
    return tf.reshape(total, shape)


def _neighbours(positions, length):
    """[...] -> ((cell, weight) before, (cell, weight) after), [...] each."""
    last = tf.cast(length - 1, tf.float32)
    inside = tf.cast((positions >= 0.0) & (positions <= last), tf.float32)
    before = tf.floor(tf.clip_by_value(positions, 0.0, last))
    after = tf.minimum(before + 1.0, last)
    share = positions - before
    return (
        (tf.cast(before, tf.int32), inside * (1.0 - share)),
        (tf.cast(after, tf.int32), inside * share),
    )


def _positions(low, high, length, count):
    """[...] edges in image sizes -> [..., count] sampling places in cells."""
    last = tf.cast(length - 1, tf.float32)
    if count == 1:
        return (0.5 * (low + high) * last)[..., None]
    step = (high - low) * last / (count - 1)
    return low[..., None] * last + tf.range(count, dtype=tf.float32) * step[..., None]
