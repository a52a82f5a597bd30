"""Position-sensitive crops whose bins are moved (Dai et al., ICCV 2017)."""

import tensorflow as tf

from od_api.layers.bilinear_crops import map_shape
from od_api.layers.bilinear_sampling import sample
from od_api.layers.channel_groups import groups_to_batch
from od_api.layers.position_sensitive_crop import size_of_bin


def deformable_position_sensitive_crop(
    features, boxes, offsets, image_shape, crop_size, num_spatial_bins, gamma=0.1
):
    """Scores of boxes from score maps, each bin of a box moved by an offset of its own.

    Bin (i, j) of a box of w x h is moved by gamma * (dx * w, dy * h); the rest is as
    `roi_align` reads score maps, with half a cell subtracted from scaled boxes, and the
    border read up to one cell outside. One form, of gathers and products, serves XLA as
    well. Source: Deformable Convolutional Networks, equations 5 and 6.

    Args:
      features: [B, h, w, bh * bw * D] floats, bins row by row.
      boxes: [B, P, 4] in pixels of the padded input; they get no gradient.
      offsets: [B, P, bh, bw, G, 2] floats, (dx, dy) in sizes of the box. Each of G
        groups of neighbours among the D has its own.
      image_shape: (H, W) of the padded input.
      crop_size: (ch, cw) samples of a whole box, multiples of the bins.
      num_spatial_bins: (bh, bw).
      gamma: a factor of all offsets.

    Returns:
      [B, P, D] of the features' type, computed in float32.

    Raises:
      ValueError: bins that do not divide crop or channels, or groups that do not.
    """
    samples = size_of_bin(features, crop_size, num_spatial_bins)
    bins = num_spatial_bins[0] * num_spatial_bins[1]
    depth, groups = features.shape[-1] // bins, offsets.shape[-2]
    if depth % groups:
        raise ValueError(f"{depth} numbers of a bin have no {groups} equal groups")
    places = _places(features, boxes, offsets, image_shape, crop_size, gamma)
    values = _near(groups_to_batch(features, bins * groups), *places)
    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    grid = [batch, bins, groups, count, samples[0] * samples[1], depth // groups]
    # Bins and samples vote: [B, G, P, D / G].
    pooled = tf.reduce_mean(tf.reshape(values, grid), axis=[1, 4])
    pooled = tf.reshape(tf.transpose(pooled, [0, 2, 1, 3]), [batch, count, depth])
    pooled = tf.ensure_shape(pooled, [*boxes.shape[:2], depth])
    return tf.cast(pooled, features.dtype)


def _places(features, boxes, offsets, image_shape, crop_size, gamma):
    """y and x of all samples in cells, [B * bh * bw * G, P * sy * sx] each."""
    ymin, xmin, ymax, xmax = tf.unstack(
        tf.cast(tf.stop_gradient(boxes), tf.float32), axis=-1
    )
    height, width = map_shape(features)
    bins_y, bins_x = offsets.shape[2:4]
    y, high = _axis(ymin, ymax, height, image_shape[0], crop_size[0], bins_y)
    x, wide = _axis(xmin, xmax, width, image_shape[1], crop_size[1], bins_x)
    moves = gamma * tf.cast(offsets, tf.float32)
    sides = tf.stack([wide, high], axis=-1)[:, :, None, None, None]
    moves = (moves * sides)[..., None, None, :]
    y = y[:, :, :, None, None, :, None] + moves[..., 1]
    x = x[:, :, None, :, None, None, :] + moves[..., 0]
    return tuple(map(_by_group, (y + tf.zeros_like(x), x + tf.zeros_like(y))))


def _by_group(places):
    """[B, P, bh, bw, G, sy, sx] -> [B * bh * bw * G, P * sy * sx]."""
    places = tf.transpose(places, [0, 2, 3, 4, 1, 5, 6])
    *outer, count, rows, columns = tf.unstack(tf.shape(places))
    return tf.reshape(places, [tf.reduce_prod(outer), count * rows * columns])


def _axis(low, high, length, image_length, count, bins):
    """[B, P] edges -> [B, P, bins, samples] places in cells, and [B, P] sides."""
    scale = tf.cast(length, tf.float32) / tf.cast(image_length, tf.float32)
    side = (high - low) * scale
    steps = (tf.range(count, dtype=tf.float32) + 0.5) / count
    places = (low * scale - 0.5)[..., None] + side[..., None] * steps
    shape = tf.concat([tf.shape(low), [bins, count // bins]], axis=0)
    return tf.reshape(places, shape), side


def _near(maps, y, x):
    """`sample` that up to one cell outside of a map reads its border, then 0."""
    height, width = (tf.cast(n, tf.float32) for n in map_shape(maps))
    near = (y >= -1.0) & (y <= height) & (x >= -1.0) & (x <= width)
    y, x = tf.clip_by_value(y, 0.0, height - 1), tf.clip_by_value(x, 0.0, width - 1)
    return tf.where(near[..., None], sample(maps, y, x), 0.0)
