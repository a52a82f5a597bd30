"""Convolutions whose kernel is laid over the box of each cell."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.layers.deformable_conv import deformable_conv


def box_offsets(boxes, strides, kernel_size, bins=False):
    """Offsets that spread a kernel over boxes: centre, middles of edges and corners.

    A pixel's place on the map is pixel / stride, without half a cell's shift. The box
    is cut evenly, so that the outermost taps lie on its edges: a 3x3 kernel over a box
    of two cells a side around its cell is an ordinary one. Source: Vu et al., Cascade
    RPN, NeurIPS 2019, section 3.2.

    Args:
      boxes: [B, h, w, 4] in pixels, each cell's; they get no gradient.
      strides: (y, x) pixels a cell, floats.
      kernel_size: k, from 2 up, with bins from 1 up.
      bins: taps lie in the centres of k x k equal bins of the box: a kernel over a box
        of k cells a side is an ordinary one.

    Returns:
      [B, h, w, 2 * k * k] float32 in cells: (dy, dx) tap by tap, row by row.
    """
    boxes = tf.cast(tf.stop_gradient(boxes), tf.float32)
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    height, width = tf.unstack(tf.shape(boxes)[1:3])
    rows = tf.range(tf.cast(height, tf.float32))[:, None]
    columns = tf.range(tf.cast(width, tf.float32))[None]
    dy = _axis_offsets(ymin / strides[0], ymax / strides[0], rows, kernel_size, bins)
    dx = _axis_offsets(xmin / strides[1], xmax / strides[1], columns, kernel_size, bins)
    offsets = tf.stack(
        [
            tf.repeat(dy, kernel_size, axis=-1),
            tf.tile(dx, [1, 1, 1, kernel_size]),
        ],
        axis=-1,
    )
    shape = [*tf.unstack(tf.shape(boxes)[:3]), 2 * kernel_size**2]
    return tf.ensure_shape(
        tf.reshape(offsets, shape), [*boxes.shape[:3], 2 * kernel_size**2]
    )


def _axis_offsets(low, high, cells, kernel_size, bins):
    """[B, h, w] edges in cells -> [B, h, w, k]: from regular taps to those in a box."""
    taps = tf.range(kernel_size, dtype=tf.float32)
    shares = (taps + 0.5) / kernel_size if bins else taps / (kernel_size - 1)
    places = low[..., None] + (high - low)[..., None] * shares
    return places - (cells[..., None] + taps - (kernel_size - 1) / 2)


class AdaptiveConv2D(keras.layers.Layer):
    """A convolution that reads inside the box of each cell.

    Args:
      filters: channels that come out.
      kernel_size: from 2 up, of both sides.
      kernel_initializer, kernel_regularizer: of the kernel; there is a bias.

    Attributes:
      bins: whether taps lie in the centres of bins, as in `RoiConv2D`, or on edges.
    """

    bins = False

    def __init__(
        self,
        filters,
        kernel_size=3,
        *,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        name="adaptive_conv",
    ):
        # Keras would cast boxes in pixels to half precision along with the features.
        super().__init__(name=name, autocast=False)
        least = 1 if self.bins else 2
        ranges.between("kernel_size", kernel_size, least, ranges.MOST_CELLS)
        self.filters, self.kernel_size = filters, kernel_size
        self._initializer = keras.initializers.get(kernel_initializer)
        self._regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, shape[-1], self.filters),
            initializer=self._initializer,
            regularizer=self._regularizer,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer="zeros"
        )
        self.built = True

    def compute_output_shape(self, shape):
        """[B, h, w, C] -> [B, h, w, filters]."""
        return (*shape[:3], self.filters)

    def call(self, features, boxes, strides):
        """[B, h, w, C], [B, h, w, 4] pixels, (y, x) -> [B, h, w, filters]."""
        features = tf.cast(features, self.compute_dtype)
        offsets = box_offsets(boxes, strides, self.kernel_size, self.bins)
        out = deformable_conv(features, tf.convert_to_tensor(self.kernel), offsets)
        return out + tf.cast(self.bias, out.dtype)
