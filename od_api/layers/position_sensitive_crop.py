"""Crops whose every bin reads a channel group of its own (R-FCN, Dai et al., 2016).

`position_sensitive_crop` takes a crop function, so it has that function's forms;
`matmul_position_sensitive_crop` averages the interpolation matrices before it
multiplies, which saves all products but one a bin.
"""

import tensorflow as tf

from od_api.layers.bilinear_crops import (
    crop_and_resize,
    interpolation_matrices,
    map_shape,
)
from od_api.layers.channel_groups import groups_to_batch


def position_sensitive_crop(
    features,
    boxes,
    image_shape,
    crop_size,
    num_spatial_bins,
    global_pool=True,
    crop=crop_and_resize,
):
    """Scores of boxes from score maps: bin (i, j) of a box reads map (i, j) only.

    A box is cut into bins of equal size. Each is cropped from its own group of D
    channels and averaged; the bins' averages vote with equal weight. Groups lie one
    after another on the channel axis, bins row by row, as in the old API.

    Args:
      features: [B, h, w, bh * bw * D] floats.
      boxes: [B, P, 4] in pixels of the padded input; they get no gradient.
      image_shape: (H, W) of the padded input.
      crop_size: (ch, cw) samples of a whole box, multiples of the bins.
      num_spatial_bins: (bh, bw).
      global_pool: whether the bins are averaged, too.
      crop: `crop_and_resize` or a function with its arguments.

    Returns:
      [B, P, D] if global_pool, else [B, P, bh, bw, D], of the features' type.

    Raises:
      ValueError: if the bins do not divide the crop or the channels.
    """
    bin_size = size_of_bin(features, crop_size, num_spatial_bins)
    bins = num_spatial_bins[0] * num_spatial_bins[1]
    crops = crop(
        groups_to_batch(tf.cast(features, tf.float32), bins),
        _bin_boxes(boxes, num_spatial_bins),
        image_shape,
        bin_size,
    )
    depth = features.shape[-1] // bins
    shape = [-1, *num_spatial_bins, tf.shape(boxes)[1], *bin_size, depth]
    # An empty tensor has no size to work -1 out from.
    shape[0] = tf.shape(boxes)[0]
    axes = [1, 2, 4, 5] if global_pool else [4, 5]
    pooled = tf.reduce_mean(tf.reshape(crops, shape), axis=axes)
    if not global_pool:
        pooled = tf.transpose(pooled, [0, 3, 1, 2, 4])
    return _finish(pooled, features, boxes, num_spatial_bins, global_pool)


def matmul_position_sensitive_crop(
    features, boxes, image_shape, crop_size, num_spatial_bins, global_pool=True
):
    """`position_sensitive_crop` as one matrix product, for XLA and TPU.

    The mean of separable samples is the product of the mean row and column weights,
    so a bin costs one weight per cell, however many samples it has.
    """
    bin_size = size_of_bin(features, crop_size, num_spatial_bins)
    bins_y, bins_x = num_spatial_bins
    depth = features.shape[-1] // (bins_y * bins_x)
    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    height, width = map_shape(features)
    bin_boxes = _bin_boxes(boxes, num_spatial_bins)
    rows, columns = interpolation_matrices(features, bin_boxes, image_shape, bin_size)
    grid = [batch, bins_y, bins_x, count]
    rows = tf.reshape(tf.reduce_mean(rows, axis=-2), [*grid, height])
    columns = tf.reshape(tf.reduce_mean(columns, axis=-2), [*grid, width])
    maps = tf.reshape(
        tf.cast(features, tf.float32), [batch, height, width, bins_y, bins_x, depth]
    )
    # A product of matrices of one column, which einsum makes, LiteRT does not have.
    rows = tf.transpose(rows, [0, 3, 4, 1, 2])[:, :, :, None]
    columns = tf.transpose(columns, [0, 3, 4, 1, 2])[:, :, None]
    weights = rows * columns
    if global_pool:
        bins = bins_y * bins_x
        # Over cells and bins at once: no channel has to be moved for it.
        weights = tf.reshape(weights, [batch, count, height * width * bins])
        maps = tf.reshape(maps, [batch, height * width * bins, depth])
        pooled = tf.matmul(weights, maps) / bins
    else:
        pooled = tf.einsum("bphwij,bhwijd->bpijd", weights, maps)
    return _finish(pooled, features, boxes, num_spatial_bins, global_pool)


def size_of_bin(features, crop_size, num_spatial_bins):
    """(samples high, samples wide) of a bin of score maps.

    Raises:
      ValueError: the bins do not divide crop or channels.
    """
    bins_y, bins_x = num_spatial_bins
    if crop_size[0] % bins_y or crop_size[1] % bins_x:
        raise ValueError(
            f"a crop of {tuple(crop_size)} samples cannot be cut into "
            f"{tuple(num_spatial_bins)} bins: make each side a multiple"
        )
    if features.shape[-1] % (bins_y * bins_x):
        raise ValueError(
            f"{features.shape[-1]} channels cannot be shared by "
            f"{bins_y} x {bins_x} bins: give a multiple of {bins_y * bins_x}"
        )
    return crop_size[0] // bins_y, crop_size[1] // bins_x


def _bin_boxes(boxes, num_spatial_bins):
    """[B, P, 4] -> [B * bh * bw, P, 4], the boxes' bins row by row."""
    ymin, xmin, ymax, xmax = tf.unstack(tf.cast(boxes, tf.float32), axis=-1)
    bins_y, bins_x = num_spatial_bins
    step_y, step_x = (ymax - ymin) / bins_y, (xmax - xmin) / bins_x
    made = [
        tf.stack(
            [
                ymin + i * step_y,
                xmin + j * step_x,
                ymin + (i + 1) * step_y,
                xmin + (j + 1) * step_x,
            ],
            axis=-1,
        )
        for i in range(bins_y)
        for j in range(bins_x)
    ]
    shape = tf.shape(boxes)
    return tf.reshape(tf.stack(made, axis=1), [shape[0] * bins_y * bins_x, shape[1], 4])


def _finish(pooled, features, boxes, num_spatial_bins, global_pool):
    """The features' type, and what is known of the shape."""
    depth = features.shape[-1] // (num_spatial_bins[0] * num_spatial_bins[1])
    between = [] if global_pool else num_spatial_bins
    pooled = tf.ensure_shape(pooled, [*boxes.shape[:2], *between, depth])
    return tf.cast(pooled, features.dtype)
