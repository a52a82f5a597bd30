"""Precise RoI pooling: exact means of the interpolated map."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.layers.bilinear_crops import interpolate, map_shape
from od_api.protos import region_operator_pb2
from od_api.region_operators._one_level import OneLevel


@register(region_operator_pb2.PreciseRoiPool)
class PreciseRoiPool(OneLevel):
    """Averages the bilinearly interpolated map over each bin, as an integral.

    The mean is the product of each axis' weights: the integral of the hat function
    around each cell over the bin, divided by the bin's length. So it has no samples to
    choose, and a continuous gradient to the boxes as well as to the map. A cell's value
    stands at its whole number: boxes are scaled, without half a cell's shift. Outside
    the map the interpolation is 0, and so is a bin without area. One form, of matrix
    products, serves XLA as well. Source: Jiang et al., IoU-Net, ECCV 2018, equations 5
    to 7.

    Args:
      level_rule: which of several maps a region is read from; no gradient comes of it.
    """

    def crop(self, feature_map, boxes, image_shape, size):
        """[B, h, w, C], [B, P, 4], (H, W), (ch, cw) -> [B, P, ch, cw, C]."""
        boxes = tf.cast(boxes, tf.float32)
        ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
        height, width = map_shape(feature_map)
        rows = _mean_weights(ymin, ymax, height, image_shape[0], size[0])
        columns = _mean_weights(xmin, xmax, width, image_shape[1], size[1])
        crops = interpolate(feature_map, rows, columns)
        return tf.ensure_shape(crops, [*boxes.shape[:2], *size, feature_map.shape[-1]])


def _mean_weights(low, high, length, image_length, bins):
    """[B, P] edges in pixels -> [B, P, bins, length]: each cell's share of a bin."""
    scale = tf.cast(length, tf.float32) / tf.cast(image_length, tf.float32)
    low, high = (low * scale)[..., None], (high * scale)[..., None]
    share = tf.range(bins + 1, dtype=tf.float32) / bins
    # Both edges are exact, and a bin ends where the next one begins.
    edges = low * (1.0 - share) + high * share
    cells = tf.range(tf.cast(length, tf.float32))
    integrals = _hat_integral(edges[..., None] - cells)
    sums = integrals[..., 1:, :] - integrals[..., :-1, :]
    step = (high - low)[..., None] / bins
    some = step > 0.0
    return tf.where(some, sums / tf.where(some, step, 1.0), 0.0)


def _hat_integral(places):
    """The integral of max(0, 1 - |t|) up to each place."""
    places = tf.clip_by_value(places, -1.0, 1.0)
    rising = 0.5 * (places + 1.0) ** 2
    return tf.where(places < 0.0, rising, 1.0 - 0.5 * (1.0 - places) ** 2)
