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


def nearest_to(x, height, width):
    """[B, h, w, C] -> [B, height, width, C]: cell i takes cell floor(i h / height)."""
    rows, columns = spatial_shape(x)
    x = tf.gather(x, tf.range(height) * rows // height, axis=1)
    return tf.gather(x, tf.range(width) * columns // width, axis=2)


def corners_aligned(x, height, width):
    """[B, h, w, C] -> [B, height, width, C], bilinear from corner to corner.

    The first and the last cells stay where they are, and the others are spread evenly
    between them.
    """
    rows, columns = (
        tf.cast(_between(size, count), x.dtype)
        for size, count in zip(spatial_shape(x), (height, width), strict=True)
    )
    return tf.einsum("jw,biwc->bijc", columns, tf.einsum("ih,bhwc->biwc", rows, x))


def _between(size, count):
    """[count, size] float32: the share that each of the cells has in each new one."""
    steps = tf.cast(tf.maximum(count - 1, 1), tf.float32)
    last = tf.cast(size - 1, tf.float32)
    places = tf.range(count, dtype=tf.float32) * last / steps
    cells = tf.range(size, dtype=tf.float32)
    return tf.maximum(1.0 - tf.abs(places[:, None] - cells), 0.0)


class UpsampleLike(keras.layers.Layer):
    """`upsample_like` in functional networks: [coarse, fine] -> coarse map doubled."""

    def call(self, maps):
        """[B, h, w, C], [B, h', w', D] -> [B, h', w', C]."""
        return upsample_like(*maps)

    def compute_output_shape(self, shapes):
        """The finer map's size, the coarser one's depth."""
        coarse, fine = shapes
        return (*fine[:3], coarse[3])


@keras.saving.register_keras_serializable("od_api")
class EnlargeLike(keras.layers.Layer):
    """[coarse, fine] -> coarse at the size of fine: enlarged by a factor and cut.

    Halving rounds up, so that an enlarged map may be larger than the one it came from.

    Args:
      factor: of height and width, a whole number; None: enlarged to the fine size.
      method: "bilinear", between the centres of cells, or "nearest".
    """

    def __init__(self, factor=2, method="bilinear", **settings):
        super().__init__(**settings)
        self._factor, self._method = factor, method

    def call(self, maps):
        """[B, h, w, C], [B, h', w', D] -> [B, h', w', C]; h * factor is at least h'."""
        coarse, fine = maps
        height, width = spatial_shape(fine)
        if self._method == "nearest":
            large = tf.repeat(coarse, self._factor, axis=1)
            large = tf.repeat(large, self._factor, axis=2)
        else:
            sides = [height, width]
            if self._factor is not None:
                sides = [side * self._factor for side in spatial_shape(coarse)]
            large = tf.cast(tf.image.resize(coarse, sides), coarse.dtype)
        return large[:, :height, :width, :]

    def compute_output_shape(self, shapes):
        """The finer map's size, the coarser one's depth."""
        coarse, fine = shapes
        return (*fine[:3], coarse[3])

    def get_config(self):
        """With factor and method."""
        config = super().get_config()
        return {**config, "factor": self._factor, "method": self._method}
