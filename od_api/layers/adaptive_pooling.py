"""Means over a fixed number of bins of a map of any size."""

import keras
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
        rows, columns = [
            tf.cast(_shares(size, self._bins), x.dtype) for size in spatial_shape(x)
        ]
        x = tf.einsum("ih,bhwc->biwc", rows, x)
        return tf.einsum("jw,biwc->bijc", columns, x)

    def compute_output_shape(self, shape):
        """One cell a bin."""
        return (shape[0], self._bins, self._bins, shape[3])

    def get_config(self):
        """With the bins."""
        return {**super().get_config(), "bins": self._bins}


def _shares(size, bins):
    """[bins, size]: the share that each cell has in the mean of a bin."""
    numbers = tf.range(bins)
    starts = numbers * size // bins
    ends = -(-(numbers + 1) * size // bins)
    cells = tf.range(size)
    inside = (cells >= starts[:, None]) & (cells < ends[:, None])
    return tf.cast(inside, tf.float32) / tf.cast(ends - starts, tf.float32)[:, None]
