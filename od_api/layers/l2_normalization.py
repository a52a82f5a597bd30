"""Feature vectors of length 1, times a learned scale (Liu et al., ParseNet, 2015)."""

import keras

# Keeps the length of a vector of zeros, and its gradient, finite.
EPSILON = 1e-10


class L2Normalization(keras.layers.Layer):
    """Divides the vector of each cell by its length and scales its channels.

    An early map's values are larger and more uneven than those of later maps; this
    lets one learning rate serve the heads on both.

    Args:
      scale: initial value of the scale, one trained number a channel; the length of
        the vectors that come out.
      name: of the layer.
    """

    def __init__(self, scale, *, name):
        super().__init__(name=name)
        self._initial = scale

    def build(self, shape):
        """Creates the scale, [C]."""
        self.scale = self.add_weight(
            name="scale",
            shape=(shape[-1],),
            initializer=keras.initializers.Constant(self._initial),
        )

    def call(self, features):
        """[B, h, w, C] -> the same shape; the length is computed in float32."""
        vectors = keras.ops.cast(features, "float32")
        squares = keras.ops.sum(keras.ops.square(vectors), axis=-1, keepdims=True)
        unit = vectors * keras.ops.rsqrt(squares + EPSILON)
        return keras.ops.cast(unit * self.scale, self.compute_dtype)
