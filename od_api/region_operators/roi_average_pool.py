"""RoI average pooling over whole cells (Girshick, ICCV 2015; the average form)."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.layers.bilinear_crops import interpolate, map_shape
from od_api.protos import region_operator_pb2
from od_api.region_operators._one_level import OneLevel

# In cells: an edge that is so near to a whole number is that number, whatever the order
# in which it was computed.
ROUNDING = 2.0**-12


@register(region_operator_pb2.RoiAveragePool)
class RoiAveragePool(OneLevel):
    """Averages the whole cells that each bin of a region touches.

    A bin of the scaled box from x1 to x2 takes the cells floor(x1) to ceil(x2), both
    of them: the form that RoIAlign and precise pooling are compared with (Jiang et al.,
    ECCV 2018, equation 3). The part outside the map counts for nothing, and a bin
    without cells is 0. Boxes get no gradient. One form, of matrix products, serves XLA
    as well.

    Args:
      level_rule: which of several maps a region is read from.
    """

    def crop(self, feature_map, boxes, image_shape, size):
        """[B, h, w, C], [B, P, 4], (H, W), (ch, cw) -> [B, P, ch, cw, C]."""
        boxes = tf.cast(tf.stop_gradient(boxes), tf.float32)
        ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
        height, width = map_shape(feature_map)
        rows = _weights(ymin, ymax, height, image_shape[0], size[0])
        columns = _weights(xmin, xmax, width, image_shape[1], size[1])
        crops = interpolate(feature_map, rows, columns)
        return tf.ensure_shape(crops, [*boxes.shape[:2], *size, feature_map.shape[-1]])


def _weights(low, high, length, image_length, bins):
    """[B, P] edges in pixels -> [B, P, bins, length], the cells' shares of a mean."""
    scale = tf.cast(length, tf.float32) / tf.cast(image_length, tf.float32)
    low, high = (low * scale)[..., None], (high * scale)[..., None]
    first = tf.floor(low + (high - low) * tf.range(0.0, bins) / bins + ROUNDING)
    last = tf.math.ceil(
        low + (high - low) * tf.range(1.0, bins + 1.0) / bins - ROUNDING
    )
    cells = tf.range(tf.cast(length, tf.float32))
    touched = (cells >= first[..., None]) & (cells <= last[..., None])
    touched = tf.cast(touched, tf.float32)
    return tf.math.divide_no_nan(
        touched, tf.reduce_sum(touched, axis=-1, keepdims=True)
    )
