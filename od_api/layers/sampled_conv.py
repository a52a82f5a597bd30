"""1x1 convolutions that leave cells out, where the library's gradients are not safe.

On processors TensorFlow 2.21 has the gradients of a 1x1 convolution with a stride from
oneDNN, which writes beyond its memory where fewer than 16 channels come in and rows or
columns are left out at the end: the process ends, or goes on with what that damaged.
Here the cells that are read are taken first, which is the same function.
"""

import keras

# From so many channels on oneDNN computes the gradients in another way.
SAFE_CHANNELS = 16


@keras.saving.register_keras_serializable("od_api")
class EachCell(keras.layers.Layer):
    """The first of every so many cells, in rows and in columns.

    Args:
      strides: (of rows, of columns).
    """

    def __init__(self, strides=(2, 2), **settings):
        super().__init__(**settings)
        self._strides = tuple(strides)

    def call(self, x):
        """[B, h, w, C] -> [B, h / stride, w / stride, C], upwards."""
        rows, columns = self._strides
        return x[:, ::rows, ::columns]

    def compute_output_shape(self, shape):
        """That of the cells."""
        sizes = [
            None if size is None else -(-size // stride)
            for size, stride in zip(shape[1:3], self._strides, strict=True)
        ]
        return (shape[0], *sizes, shape[3])

    def get_config(self):
        """With the strides."""
        return {**super().get_config(), "strides": self._strides}


def needs_samples(layer, channels):
    """Whether a `keras.layers.Conv2D` is one whose cells are to be taken first."""
    one, strides = tuple(layer.kernel_size) == (1, 1), tuple(layer.strides)
    return one and strides != (1, 1) and layer.groups == 1 and channels < SAFE_CHANNELS


def conv(inputs, kernel, *, strides, padding, dilation_rate=1):
    """`keras.ops.conv` of [B, h, w, C] maps; where need be, of the cells it reads."""
    rows, columns = strides
    one, channels = tuple(kernel.shape[:2]) == (1, 1), inputs.shape[-1]
    if (
        one
        and (rows, columns) != (1, 1)
        and kernel.shape[2] == channels < SAFE_CHANNELS
    ):
        taken = inputs[:, ::rows, ::columns]
        return keras.ops.conv(taken, kernel, strides=1, padding="valid")
    return keras.ops.conv(
        inputs,
        kernel,
        strides=(rows, columns),
        padding=padding,
        dilation_rate=dilation_rate,
    )
