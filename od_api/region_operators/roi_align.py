"""RoIAlign: bin averages of bilinear samples (He et al., ICCV 2017).

`roi_align` samples with TensorFlow's crop kernel; `matmul_roi_align` is made of
matrix products for XLA and TPU.
"""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.bilinear_crops import (
    crop_and_resize,
    interpolate,
    map_shape,
    tent_weights,
)
from od_api.protos import region_operator_pb2
from od_api.region_operators._one_level import OneLevel


@register(region_operator_pb2.RoiAlign)
class RoiAlign(OneLevel):
    """Averages bilinear samples that divide each bin evenly (He et al., ICCV 2017).

    Args:
      sampling_ratio: samples a bin and axis.
      aligned: half a cell is subtracted from scaled boxes; without it a box has at
        least one cell a side, as in torchvision.
      level_rule: which of several maps a region is read from.
    """

    def __init__(self, *, sampling_ratio=2, aligned=True, level_rule=None):
        super().__init__(level_rule=level_rule)
        ranges.between("sampling_ratio", sampling_ratio, 1, ranges.MOST_CELLS)
        self._samples = sampling_ratio
        self._aligned = aligned

    def crop(self, feature_map, boxes, image_shape, size):
        """[B, h, w, C], [B, P, 4], (H, W), (ch, cw) -> [B, P, ch, cw, C]."""
        form = matmul_roi_align if self.is_static else roi_align
        return form(feature_map, boxes, image_shape, size, self._samples, self._aligned)


def roi_align(features, boxes, image_shape, size, samples=2, aligned=True):
    """Crops of one size whose cells average `samples` x `samples` places of a bin.

    Cell k of the map covers the image from k to k + 1 strides, so its value stands at
    k + 1/2: half a cell is subtracted from scaled boxes ("aligned"). The samples
    divide a bin evenly. Up to one cell outside the map they read its border, and
    further out 0, as in torchvision. Only the features get a gradient.

    Args:
      features: [B, h, w, C] floats.
      boxes: [B, P, 4] `[ymin, xmin, ymax, xmax]` in pixels of the padded input.
      image_shape: (H, W) of the padded input, numbers or scalar tensors.
      size: (ch, cw) bins of a box, ints.
      samples: per bin and axis.
      aligned: False leaves the half cell, and widens a box to one cell a side.

    Returns:
      [B, P, ch, cw, C] of the features' type, computed in float32.
    """
    ymin, xmin, step_y, step_x = _grid(
        features, boxes, image_shape, size, samples, aligned
    )
    rows, columns = size[0] * samples, size[1] * samples
    # One more cell around the map holds its border; indices start there.
    places = [ymin + 1, xmin + 1]
    places += [ymin + 1 + (rows - 1) * step_y, xmin + 1 + (columns - 1) * step_x]
    padded = tf.pad(
        tf.cast(features, tf.float32), [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC"
    )
    height, width = map_shape(features)
    last = (height + 1, width + 1)
    crops = crop_and_resize(padded, tf.stack(places, axis=-1), last, (rows, columns))
    shape = tf.shape(crops)
    bins = [shape[0], shape[1], size[0], samples, size[1], samples, features.shape[-1]]
    crops = tf.reduce_mean(tf.reshape(crops, bins), axis=[3, 5])
    crops = tf.ensure_shape(crops, [*boxes.shape[:2], *size, features.shape[-1]])
    return tf.cast(crops, features.dtype)


def matmul_roi_align(features, boxes, image_shape, size, samples=2, aligned=True):
    """`roi_align` as the product of two matrices and the map.

    A bin's mean of separable samples is the product of its mean row and column
    weights, so the number of samples costs next to nothing.
    """
    ymin, xmin, step_y, step_x = _grid(
        features, boxes, image_shape, size, samples, aligned
    )
    height, width = map_shape(features)
    rows = _bin_weights(ymin, step_y, height, size[0], samples)
    columns = _bin_weights(xmin, step_x, width, size[1], samples)
    return interpolate(features, rows, columns)


def _grid(features, boxes, image_shape, size, samples, aligned):
    """Four [B, P], in cells: y and x of the first sample, y and x between samples."""
    boxes = tf.cast(tf.stop_gradient(boxes), tf.float32)
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    height, width = map_shape(features)
    scale_y = tf.cast(height, tf.float32) / tf.cast(image_shape[0], tf.float32)
    scale_x = tf.cast(width, tf.float32) / tf.cast(image_shape[1], tf.float32)
    height, width = (ymax - ymin) * scale_y, (xmax - xmin) * scale_x
    if not aligned:
        height, width = tf.maximum(height, 1.0), tf.maximum(width, 1.0)
    step_y, step_x = height / (size[0] * samples), width / (size[1] * samples)
    # Half a cell off for the alignment, half a step on to the first sample.
    shift = 0.5 if aligned else 0.0
    first_y = ymin * scale_y - shift + step_y / 2
    first_x = xmin * scale_x - shift + step_x / 2
    return first_y, first_x, step_y, step_x


def _bin_weights(first, step, length, bins, samples):
    """[B, P] grid of an axis -> [B, P, bins, length], the samples' mean weights."""
    steps = tf.range(bins * samples, dtype=tf.float32)
    places = first[..., None] + steps * step[..., None]
    last = tf.cast(length - 1, tf.float32)
    weights = tent_weights(tf.clip_by_value(places, 0.0, last), length)
    near = (places >= -1.0) & (places <= last + 1.0)
    weights = tf.where(near[..., None], weights, 0.0)
    # The samples of a bin are added one by one: P may be 0, which -1 cannot follow.
    return tf.add_n([weights[..., i::samples, :] for i in range(samples)]) / samples
