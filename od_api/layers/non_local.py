"""Non-local block: every cell sees all others (Wang et al., CVPR 2018)."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.shapes import spatial_shape


class NonLocal(keras.layers.Layer):
    """Adds to each cell a mean over all cells, weighed by how alike they are.

    y = x + W_y softmax(theta(x) phi(x)') g(x), the softmax over all cells of the map;
    theta, phi, g and W_y are 1x1 convolutions with a bias, and W_y starts at zero, so
    that the block starts as the identity. Source: Wang et al., Non-local Neural
    Networks, CVPR 2018, equations 1, 3 and 6 (embedded Gaussian).

    Args:
      make: a `ConvHyperparams`, for the kernels' initialiser and regulariser.
      reduction: the inner depth is the map's divided by it, at least 1.
      name: of the layer.
    """

    def __init__(self, make, *, reduction=1, name="non_local"):
        super().__init__(name=name)
        ranges.at_least("reduction", reduction, 1, ranges.MOST_CHANNELS)
        self._make, self._reduction = make, reduction

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        inner = max(shape[-1] // self._reduction, 1)

        def conv(filters, name, **arguments):
            return self._make.conv2d(filters, 1, name=name, use_bias=True, **arguments)

        self.theta, self.phi, self.g = (conv(inner, n) for n in ("theta", "phi", "g"))
        self.out = conv(shape[-1], "out", kernel_initializer="zeros")
        for layer in (self.theta, self.phi, self.g):
            layer.build(shape)
        self.out.build((*shape[:-1], inner))
        self.built = True

    def compute_output_shape(self, shape):
        """The same."""
        return shape

    def call(self, x):
        """[B, h, w, C] -> [B, h, w, C]."""
        height, width = spatial_shape(x)
        theta, phi, g = (
            tf.reshape(y, [-1, height * width, y.shape[-1]])
            for y in (self.theta(x), self.phi(x), self.g(x))
        )
        alike = tf.matmul(
            tf.cast(theta, tf.float32), tf.cast(phi, tf.float32), transpose_b=True
        )
        mean = tf.matmul(tf.cast(tf.nn.softmax(alike), g.dtype), g)
        return x + self.out(tf.reshape(mean, [-1, height, width, g.shape[-1]]))
