"""A convolution as two of lower rank: down the columns, then along the rows."""

import keras
import numpy as np

from od_api.core import ranges

# Of a full convolution in weights and checkpoints, and of the two that stand for it.
FULL, FACTORS = "kernel", ("vertical/kernel", "horizontal/kernel")


def full_rank(shape):
    """The largest rank that a kernel [k, k', C, C'] may have."""
    height, width, depth, filters = shape
    return min(height * depth, width * filters)


def factorised(kernel, rank):
    """The two kernels whose product is nearest to a kernel, by its singular values.

    With the kernel as a matrix M of rows (y, c) and columns (x, c'), M = U S V' is cut
    off behind the `rank` largest values of S, the root of which goes to each side.
    Source: Tai et al., Convolutional Neural Networks with Low-Rank Regularization, ICLR
    2016, theorem 1.

    Args:
      kernel: [k, k', C, C'] array.
      rank: 1 to `full_rank`.

    Returns:
      float32 [k, 1, C, rank] and [1, k', rank, C'].
    """
    height, width, depth, filters = kernel.shape
    matrix = np.asarray(kernel, np.float32).transpose(0, 2, 1, 3)
    matrix = matrix.reshape(height * depth, width * filters)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(s[:rank])
    # Of two factors that are both zero neither would ever learn.
    left = np.where(root > 0, root, 1)
    vertical = (u[:, :rank] * left).reshape(height, 1, depth, rank)
    horizontal = (root[:, None] * v[:rank]).reshape(1, rank, width, filters)
    return vertical, horizontal.transpose(0, 2, 1, 3)


def with_factors(values, wanted):
    """A checkpoint's values, full kernels factorised where a model wants factors.

    Args:
      values: {name: array} of a checkpoint.
      wanted: {name: variable} of a model.

    Returns:
      {name: array} with "x/vertical/kernel", "x/horizontal/kernel" and
      "x/horizontal/bias" in place of "x/kernel" and "x/bias", where these fit.
    """
    made = dict(values)
    for name, variable in wanted.items():
        if not name.endswith("/" + FACTORS[0]) or name in values:
            continue
        stem = name.removesuffix(FACTORS[0])
        kernel, other = values.get(stem + FULL), wanted.get(stem + FACTORS[1])
        if kernel is None or other is None or kernel.ndim != 4:
            continue
        if _full_shape(variable.shape, other.shape) != kernel.shape:
            continue
        factors = factorised(kernel, variable.shape[-1])
        made |= {stem + n: x for n, x in zip(FACTORS, factors, strict=True)}
        made.pop(stem + FULL)
        if stem + "bias" in made:
            made[stem + "horizontal/bias"] = made.pop(stem + "bias")
    return made


def _full_shape(vertical, horizontal):
    return (vertical[0], horizontal[1], vertical[2], horizontal[3])


class LowRankConv2D(keras.layers.Layer):
    """A k x 1 convolution to a few channels, then a 1 x k one; nothing in between.

    It starts as the product that is nearest to an ordinary convolution, whose kernel is
    drawn first; of full rank it is that convolution. Weights of an ordinary one
    (`published_weights`) are factorised likewise. Source: Jaderberg et al., Speeding up
    Convolutional Neural Networks with Low Rank Expansions, BMVC 2014, scheme 2.

    Args:
      filters: channels that come out.
      kernel_size: height and width of the kernel, an int or two.
      share: of the full rank, above 0 and at most 1; the rank is at least 1.
      strides, dilation_rate: an int or two each.
      padding, activation, use_bias: as in `keras.layers.Conv2D`.
      kernel_initializer: of the ordinary convolution's kernel.
      kernel_regularizer: of both kernels.
      bias_initializer: of the bias.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        *,
        share,
        strides=1,
        dilation_rate=1,
        padding="same",
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        bias_initializer="zeros",
        name="low_rank_conv",
    ):
        super().__init__(name=name)
        self.share = ranges.above("low_rank", share, 0, 1)
        self.filters, self.kernel_size = filters, _pair(kernel_size)
        self._initializer = keras.initializers.get(kernel_initializer)
        self._arguments = {
            "padding": padding,
            "kernel_initializer": "zeros",
            "kernel_regularizer": kernel_regularizer,
        }
        self._strides, self._dilation = _pair(strides), _pair(dilation_rate)
        self._last = {
            "activation": activation,
            "use_bias": use_bias,
            "bias_initializer": bias_initializer,
        }

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        self.full_shape = (*self.kernel_size, shape[-1], self.filters)
        self.rank = max(1, round(self.share * full_rank(self.full_shape)))
        self.vertical = self._conv(0, self.rank, "vertical", use_bias=False)
        self.horizontal = self._conv(1, self.filters, "horizontal", **self._last)
        self.vertical.build(shape)
        self.horizontal.build(self.vertical.compute_output_shape(shape))
        self.set_kernel(self._initializer(self.full_shape, dtype="float32"))
        self.built = True

    def _conv(self, axis, filters, name, **arguments):
        """One of the two: along y (0) or x (1)."""

        def along(pair):
            return (pair[0], 1) if axis == 0 else (1, pair[1])

        return keras.layers.Conv2D(
            filters,
            along(self.kernel_size),
            strides=along(self._strides),
            dilation_rate=along(self._dilation),
            name=name,
            **self._arguments,
            **arguments,
        )

    def set_kernel(self, kernel):
        """Takes the factors of an ordinary convolution's kernel [k, k', C, C']."""
        factors = factorised(np.asarray(kernel), self.rank)
        for layer, values in zip(
            (self.vertical, self.horizontal), factors, strict=True
        ):
            layer.kernel.assign(values)

    @property
    def published_weights(self):
        """What files have of the ordinary convolution, each with a shape and assign."""
        bias = [self.horizontal.bias] if self._last["use_bias"] else []
        return [_FullKernel(self), *bias]

    def compute_output_shape(self, shape):
        """Shape of the output for an input of this shape."""
        return self.horizontal.compute_output_shape(
            self.vertical.compute_output_shape(shape)
        )

    def call(self, inputs):
        """[B, h, w, C] -> [B, h', w', C']."""
        return self.horizontal(self.vertical(inputs))


class _FullKernel:
    """The kernel that a LowRankConv2D stands for, as something to assign to."""

    def __init__(self, layer):
        self._layer = layer
        self.shape = layer.full_shape

    def assign(self, kernel):
        """Factorises a kernel [k, k', C, C']."""
        self._layer.set_kernel(kernel)


def _pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)
