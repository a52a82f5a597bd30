"""RoI max pooling over whole cells (Girshick, ICCV 2015).

`roi_max_pool` lists the cells of all bins; `masked_roi_max_pool` masks the map, with
static shapes for XLA and TPU.
"""

import tensorflow as tf

from od_api.core.registry import register
from od_api.layers.bilinear_crops import map_shape
from od_api.protos import region_operator_pb2
from od_api.region_operators._one_level import OneLevel

# In cells: outside any map, and an extent twice as long times a thousand bins is int32.
FAR = 2.0**20


@register(region_operator_pb2.RoiMaxPool)
class RoiMaxPool(OneLevel):
    """Takes the largest value of the whole cells of each bin (Girshick, ICCV 2015).

    Args:
      level_rule: which of several maps a region is read from.
    """

    def crop(self, feature_map, boxes, image_shape, size):
        """[B, h, w, C], [B, P, 4], (H, W), (ch, cw) -> [B, P, ch, cw, C]."""
        form = masked_roi_max_pool if self.is_static else roi_max_pool
        return form(feature_map, boxes, image_shape, size)


def roi_max_pool(features, boxes, image_shape, size):
    """The largest value in each of a box's bins, for crops of one size.

    Scaled edges are rounded, halves away from 0, and both edge cells belong to the
    box: it is at least one cell. Bins are rounded outwards to whole cells, so they may
    share some; the part outside the map counts for nothing and a bin without cells is
    0. Cells that hold the same maximum share its gradient. Boxes get none.

    Args:
      features: [B, h, w, C] floats.
      boxes: [B, P, 4] `[ymin, xmin, ymax, xmax]` in pixels of the padded input.
      image_shape: (H, W) of the padded input, numbers or scalar tensors.
      size: (ch, cw) bins of a box, ints.

    Returns:
      [B, P, ch, cw, C] of the features' type.
    """
    rows, columns = _bin_ranges(features, boxes, image_shape, size)
    height, width = map_shape(features)
    heights, widths = _in_grid(rows[1] - rows[0], columns[1] - columns[0])
    counts = tf.reshape(heights * widths, [-1])
    # One line for each cell of each bin: its bin, and its number within the bin.
    bins = tf.repeat(tf.range(tf.size(counts)), counts)
    numbers = tf.range(tf.size(bins)) - tf.gather(
        tf.cumsum(counts, exclusive=True), bins
    )

    def of_bin(values):
        return tf.gather(tf.reshape(values, [-1]), bins)

    top, left = _in_grid(rows[0], columns[0])
    image = _image_index(boxes) + tf.zeros_like(heights)
    y = of_bin(top) + numbers // of_bin(widths)
    x = of_bin(left) + numbers % of_bin(widths)
    cells = tf.reshape(tf.cast(features, tf.float32), [-1, features.shape[-1]])
    cells = tf.gather(cells, (of_bin(image) * height + y) * width + x)
    pooled = tf.math.unsorted_segment_max(cells, bins, tf.size(counts))
    pooled = tf.where(counts[:, None] > 0, pooled, 0.0)
    return _finish(pooled, features, boxes, size)


def masked_roi_max_pool(features, boxes, image_shape, size):
    """`roi_max_pool` as maxima over masked rows, then columns, for XLA and TPU.

    Takes B * P * ch * h * w * C floats where the compiler does not fuse the masks into
    the maxima, as on a CPU: 2 GB for 100 boxes of 7 bins in a map of 38 x 38 x 512.
    """
    rows, columns = _bin_ranges(features, boxes, image_shape, size)
    height, width = map_shape(features)
    rows, columns = _cells_in(rows, height), _cells_in(columns, width)
    maps = tf.cast(features, tf.float32)[:, None, None]
    strips = _masked_max(maps, rows[..., None, None], axis=3)
    strips = strips[:, :, :, None]
    pooled = _masked_max(strips, columns[:, :, None, :, :, None], axis=4)
    some = tf.reduce_any(rows, axis=-1)[:, :, :, None]
    some &= tf.reduce_any(columns, axis=-1)[:, :, None, :]
    return _finish(tf.where(some[..., None], pooled, 0.0), features, boxes, size)


def _bin_ranges(features, boxes, image_shape, size):
    """Per axis the first cell and the one after the last, [B, P, bins] int32 each."""
    ymin, xmin, ymax, xmax = tf.unstack(tf.cast(boxes, tf.float32), axis=-1)
    height, width = map_shape(features)
    return (
        _axis_ranges(ymin, ymax, height, image_shape[0], size[0]),
        _axis_ranges(xmin, xmax, width, image_shape[1], size[1]),
    )


def _axis_ranges(low, high, length, image_length, bins):
    scale = tf.cast(length, tf.float32) / tf.cast(image_length, tf.float32)
    start, end = _nearest(low * scale)[..., None], _nearest(high * scale)[..., None]
    extent = tf.maximum(end - start + 1, 1)
    # In whole numbers: 3 * (7 / 3) need not be 7 in floats.
    first = start + tf.range(bins) * extent // bins
    after = start + (tf.range(1, bins + 1) * extent + bins - 1) // bins
    first = tf.clip_by_value(first, 0, length)
    return first, tf.maximum(tf.clip_by_value(after, 0, length), first)


def _nearest(cells):
    """Whole numbers, halves away from 0 as the paper's `round` has them."""
    cells = tf.clip_by_value(cells, -FAR, FAR)
    return tf.cast(tf.sign(cells) * tf.floor(tf.abs(cells) + 0.5), tf.int32)


def _in_grid(rows, columns):
    """[B, P, ch], [B, P, cw] -> both as [B, P, ch, cw]."""
    return (
        rows[..., :, None] + tf.zeros_like(columns)[..., None, :],
        columns[..., None, :] + tf.zeros_like(rows)[..., :, None],
    )


def _image_index(boxes):
    """[B, 1, 1, 1] int32: the image of a box."""
    return tf.range(tf.shape(boxes)[0])[:, None, None, None]


def _cells_in(ranges, length):
    """Two [B, P, bins] -> [B, P, bins, length]: whether a cell is in a bin's range."""
    cells = tf.range(length)
    return (cells >= ranges[0][..., None]) & (cells < ranges[1][..., None])


def _masked_max(values, mask, axis):
    return tf.reduce_max(tf.where(mask, values, tf.float32.min), axis=axis)


def _finish(pooled, features, boxes, size):
    """[..., C] in the order of the bins -> [B, P, ch, cw, C] of the features' type."""
    shape = [tf.shape(boxes)[0], tf.shape(boxes)[1], *size, features.shape[-1]]
    pooled = tf.reshape(pooled, shape)
    pooled = tf.ensure_shape(pooled, [*boxes.shape[:2], *size, features.shape[-1]])
    return tf.cast(pooled, features.dtype)
