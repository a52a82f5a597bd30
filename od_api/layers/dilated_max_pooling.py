"""Max pooling over cells that lie apart."""

import keras
import tensorflow as tf


class DilatedMaxPooling2D(keras.layers.Layer):
    """3x3 max pooling of stride 1 whose cells lie `dilation` apart; keeps the size.

    What is beyond the border counts for nothing, as under Keras' "same" padding.
    """

    def __init__(self, *, dilation, **arguments):
        super().__init__(**arguments)
        self.dilation = dilation

    def call(self, inputs):
        """[B, h, w, C] -> [B, h, w, C]."""
        step = self.dilation
        pad = [[0, 0], [step, step], [step, step], [0, 0]]
        padded = tf.pad(inputs, pad, constant_values=inputs.dtype.min)
        rows = self._maximum(padded, tf.shape(inputs)[1], axis=1)
        outputs = self._maximum(rows, tf.shape(inputs)[2], axis=2)
        return tf.ensure_shape(outputs, inputs.shape)

    def _maximum(self, values, size, axis):
        """The maximum of three shifts along an axis, `size` cells of it."""
        before = [slice(None)] * axis
        shifts = [
            values[(*before, slice(start, start + size))]
            for start in (0, self.dilation, 2 * self.dilation)
        ]
        return tf.maximum(tf.maximum(shifts[0], shifts[1]), shifts[2])
