"""Class logits of the mean of a map."""

import keras
import tensorflow as tf

from od_api.core.shapes import spatial_shape


class PooledClasses(keras.layers.Layer):
    """The mean of a map over the cells of the image, then a dense layer.

    Args:
      num_classes: K.
      keep_probability: of each mean in training; 1: no dropout.
      name: of the layer.
    """

    def __init__(self, num_classes, keep_probability=1.0, *, name):
        super().__init__(name=name)
        self._logits = keras.layers.Dense(num_classes, name="logits")
        self._dropout = None
        if keep_probability < 1.0:
            self._dropout = keras.layers.Dropout(1.0 - keep_probability)

    def build(self, shape):
        """Creates the variables for maps [B, h, w, C]."""
        self._logits.build((None, shape[-1]))

    def call(self, feature, inside=None, training=False):
        """[B, h, w, C] and [B, h, w] 0/1, the cells that count; None: all -> [B, K]."""
        means = _mean(feature, inside)
        if self._dropout is not None:
            means = self._dropout(means, training=training)
        return tf.cast(self._logits(means), tf.float32)


def cells_inside(feature, true_shapes, stride):
    """[B, h, w] float32: 1 where a cell has a part of the image, 0 in its padding.

    Args:
      feature: [B, h, w, C].
      true_shapes: [B, 2] int32, pixels.
      stride: pixels of a cell.
    """
    height, width = spatial_shape(feature)
    rows, columns = tf.unstack(-(-true_shapes // stride), axis=1)
    rows = tf.sequence_mask(rows, height, tf.float32)
    return rows[:, :, None] * tf.sequence_mask(columns, width, tf.float32)[:, None]


def _mean(feature, inside):
    values = tf.cast(feature, tf.float32)
    if inside is None:
        return tf.reduce_mean(values, axis=[1, 2])
    total = tf.reduce_sum(values * inside[..., None], axis=[1, 2])
    return total / tf.maximum(tf.reduce_sum(inside, axis=[1, 2]), 1.0)[:, None]
