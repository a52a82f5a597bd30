"""Means and maxima over a number of bins of a map of any size."""

import keras
import numpy as np
import tensorflow as tf

from od_api.core.shapes import spatial_shape


@keras.saving.register_keras_serializable("od_api")
class AdaptiveAveragePooling(keras.layers.Layer):
    """Bin i of n covers the cells from floor(i h / n) to ceil((i + 1) h / n).

    Bins overlap by a cell where the size is no multiple of their number, and share
    cells where there are more bins than cells.

    Args:
      bins: of each side.
    """

    def __init__(self, bins, **settings):
        super().__init__(**settings)
        self._bins = bins

    def call(self, x):
        """[B, h, w, C] -> [B, bins, bins, C]."""
        return bin_means(x, self._bins, self._bins)

    def compute_output_shape(self, shape):
        """One cell a bin."""
        return (shape[0], self._bins, self._bins, shape[3])

    def get_config(self):
        """With the bins."""
        return {**super().get_config(), "bins": self._bins}


def bin_means(x, rows, columns):
    """[B, h, w, C] -> [B, rows, columns, C], bins as in `AdaptiveAveragePooling`."""
    height, width = spatial_shape(x)
    x = tf.einsum("ih,bhwc->biwc", tf.cast(_shares(height, rows), x.dtype), x)
    return tf.einsum("jw,biwc->bijc", tf.cast(_shares(width, columns), x.dtype), x)


def bin_maxima(x, rows, columns):
    """[B, h, w, C] -> [B, rows, columns, C], bins as in `AdaptiveAveragePooling`."""
    height, width = spatial_shape(x)
    return _maxima(_maxima(x, height, rows, 1), width, columns, 2)


def _maxima(x, size, bins, axis):
    starts, ends = _edges(size, bins)
    lengths = ends - starts
    longest = lengths.max() if isinstance(lengths, np.ndarray) else None
    if longest is None:
        longest = tf.reduce_max(lengths)
    # A shorter bin has its last cell several times.
    cells = tf.minimum(starts[:, None] + tf.range(longest), ends[:, None] - 1)
    return tf.reduce_max(tf.gather(x, cells, axis=axis), axis=axis + 1)


def _shares(size, bins):
    """[bins, size]: the share that each cell has in the mean of a bin."""
    starts, ends = _edges(size, bins)
    cells = tf.range(size)
    inside = (cells >= starts[:, None]) & (cells < ends[:, None])
    return tf.cast(inside, tf.float32) / tf.cast(ends - starts, tf.float32)[:, None]


def _edges(size, bins):
    """First cells of bins, and those behind their last ones: arrays, or tensors."""
    known = isinstance(size, int) and isinstance(bins, int)
    numbers = np.arange(bins, dtype=np.int32) if known else tf.range(bins)
    return numbers * size // bins, -(-(numbers + 1) * size // bins)
