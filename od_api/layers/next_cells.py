"""Maps moved by one cell, as reductions of NASNet and its kin read them."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("od_api")
class NextCells(keras.layers.Layer):
    """Each cell gets the one right below it; zeros at the last row and column."""

    def call(self, x):
        """[B, h, w, C] -> the same shape."""
        return tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]])[:, 1:, 1:]

    def compute_output_shape(self, shape):
        """The same."""
        return shape
