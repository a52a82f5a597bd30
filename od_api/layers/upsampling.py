"""Coarse maps brought to the size of finer ones."""

import keras
import tensorflow as tf

from od_api.core.shapes import spatial_shape


def upsample_like(coarse, fine):
    """Doubles `coarse` by nearest neighbour and cuts it to the size of `fine`.

    Halving rounds up, so the last row or column of a doubled map may be one too many.
    """
    doubled = tf.repeat(tf.repeat(coarse, 2, axis=1), 2, axis=2)
    height, width = spatial_shape(fine)
    return doubled[:, :height, :width, :]


class UpsampleLike(keras.layers.Layer):
    """`upsample_like` in functional networks: [coarse, fine] -> coarse map doubled."""

    def call(self, maps):
        """[B, h, w, C], [B, h', w', D] -> [B, h', w', C]."""
        return upsample_like(*maps)

    def compute_output_shape(self, shapes):
        """The finer map's size, the coarser one's depth."""
        coarse, fine = shapes
        return (*fine[:3], coarse[3])
