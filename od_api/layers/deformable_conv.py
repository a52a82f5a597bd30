"""Deformable convolution: each tap of the kernel reads where an offset sends it."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.layers.bilinear_sampling import sample
from od_api.layers.channel_groups import groups_to_batch


def deformable_conv(
    features, kernel, offsets, *, modulation=None, strides=1, dilation=1
):
    """A convolution whose taps are moved: y(p) = sum_n w_n x(p + p_n + dp_n(p)).

    Zero offsets give `tf.nn.conv2d` with "SAME" padding. Source: Dai et al., ICCV 2017,
    equation 2; with modulation Zhu et al., Deformable ConvNets v2, CVPR 2019, equation
    1.

    Args:
      features: [B, h, w, C] floats.
      kernel: [k, k', C, C'].
      offsets: [B, h', w', 2 * k * k' * G] in cells: group by group, tap by tap row by
        row, (dy, dx). Each of the G groups of neighbouring channels has its own.
      modulation: [B, h', w', k * k' * G], a factor of each tap; None is 1.
      strides, dilation: of the kernel, ints.

    Returns:
      [B, h', w', C'] of the features' type; interpolated in float32.

    Raises:
      ValueError: numbers of channels that do not go together.
    """
    rows, columns, depth, filters = kernel.shape
    groups = _groups(offsets.shape[-1], rows * columns, depth)
    grid = [*tf.unstack(tf.shape(offsets)[:3]), groups, rows * columns]
    moves = tf.reshape(tf.cast(offsets, tf.float32), [*grid, 2])
    places = _tap_places(features, moves, (rows, columns), strides, dilation)
    values = sample(groups_to_batch(features, groups), *places)
    if modulation is not None:
        values *= _places_by_group(tf.reshape(modulation, grid))[..., None]
    values = _by_tap(values, grid)
    kernel = tf.reshape(tf.cast(kernel, features.dtype), [-1, filters])
    out = tf.matmul(tf.cast(values, features.dtype), kernel)
    return tf.ensure_shape(
        tf.reshape(out, [*grid[:3], filters]), [*offsets.shape[:3], filters]
    )


def _groups(numbers, taps, depth):
    """G, by how many numbers a cell's offsets are."""
    groups = numbers // (2 * taps)
    if groups < 1 or numbers % (2 * taps) or depth % groups:
        raise ValueError(
            f"{numbers} offsets of {taps} taps do not fit {depth} channels: "
            f"give {2 * taps} for each of some equal groups of channels"
        )
    return groups


def _by_tap(values, grid):
    """[B * G, h' * w' * T, C / G] -> [B * h' * w', T * C]: channels in their order."""
    batch, height, width, groups, taps = grid
    depth = values.shape[-1]
    values = tf.reshape(values, [batch, groups, height, width, taps, depth])
    values = tf.transpose(values, [0, 2, 3, 4, 1, 5])
    return tf.reshape(values, [batch * height * width, taps * groups * depth])


def _tap_places(features, moves, kernel_size, strides, dilation):
    """y and x, [B * G, h' * w' * T] each, of taps that [B, h', w', G, T, 2] moves."""
    rows, columns = kernel_size
    height, width = tf.unstack(tf.shape(moves)[1:3])
    size = tf.shape(features)[1:3]
    y = _places(size[0], height, rows, strides, dilation)
    x = _places(size[1], width, columns, strides, dilation)
    # Taps go row by row.
    y = tf.repeat(y, columns, axis=1)[:, None, None] + moves[..., 0]
    x = tf.tile(x, [1, rows])[:, None] + moves[..., 1]
    return _places_by_group(y), _places_by_group(x)


def _places(size, count, kernel_size, strides, dilation):
    """[count, kernel_size] float32: places of an axis' taps, padded as "SAME"."""
    reach = (kernel_size - 1) * dilation
    padding = tf.maximum((count - 1) * strides + reach + 1 - size, 0) // 2
    starts = tf.range(count) * strides - padding
    taps = tf.range(kernel_size) * dilation
    return tf.cast(starts[:, None] + taps, tf.float32)


def _places_by_group(places):
    """[B, h', w', G, T] -> float32 [B * G, h' * w' * T]."""
    places = tf.cast(places, tf.float32)
    batch, height, width, groups, taps = tf.unstack(tf.shape(places))
    places = tf.transpose(places, [0, 3, 1, 2, 4])
    return tf.reshape(places, [batch * groups, height * width * taps])


class DeformableConv2D(keras.layers.Layer):
    """A convolution that learns where its taps read, padded as "same".

    A convolution of the same kernel size predicts the offsets, and the factors of the
    taps if there are any; its kernel starts at zero, so that this starts as an ordinary
    convolution. Kernel and bias are those of `keras.layers.Conv2D`: weights of one fit.

    Args:
      filters: channels that come out.
      kernel_size: height and width of the kernel, an int or two.
      strides, dilation_rate: an int, or two that are equal.
      groups: of channels that have offsets of their own.
      modulated: every tap has a factor as well, twice a sigmoid, so that it starts at 1
        (Zhu et al., CVPR 2019, have a sigmoid and start at a half).
      use_bias: whether there is a bias.
      kernel_initializer, kernel_regularizer: of the kernel.
    """

    def __init__(
        self,
        filters,
        kernel_size=3,
        *,
        strides=1,
        dilation_rate=1,
        groups=1,
        modulated=False,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        name="deformable_conv",
        **arguments,
    ):
        super().__init__(name=name, **arguments)
        ranges.at_least("groups", groups, 1, ranges.MOST_CHANNELS)
        self.filters = filters
        self.kernel_size = _pair(kernel_size)
        self.groups, self.modulated, self.use_bias = groups, modulated, use_bias
        self._strides, self._dilation = _pair(strides)[0], _pair(dilation_rate)[0]
        self._initializer = keras.initializers.get(kernel_initializer)
        self._regularizer = keras.regularizers.get(kernel_regularizer)
        taps = self.kernel_size[0] * self.kernel_size[1]
        self._num_offsets = 2 * taps * groups
        self._offsets = keras.layers.Conv2D(
            self._num_offsets + (taps * groups if modulated else 0),
            self.kernel_size,
            strides=self._strides,
            dilation_rate=self._dilation,
            padding="same",
            kernel_initializer="zeros",
            name="offsets",
        )

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        if shape[-1] % self.groups:
            raise ValueError(
                f"{shape[-1]} channels have no {self.groups} equal groups: give a "
                "divisor"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, shape[-1], self.filters),
            initializer=self._initializer,
            regularizer=self._regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer="zeros"
            )
        self._offsets.build(shape)

    @property
    def published_weights(self):
        """Those that an ordinary convolution has."""
        return [self.kernel, *([self.bias] if self.use_bias else [])]

    def compute_output_shape(self, shape):
        """[B, h, w, C] -> [B, h', w', filters]."""
        sides = [None if n is None else -(-n // self._strides) for n in shape[1:3]]
        return (shape[0], *sides, self.filters)

    def call(self, features):
        """[B, h, w, C] -> [B, h', w', filters]."""
        moves = self._offsets(features)
        offsets, modulation = moves[..., : self._num_offsets], None
        if self.modulated:
            factors = tf.cast(moves[..., self._num_offsets :], tf.float32)
            modulation = 2.0 * tf.sigmoid(factors)
        out = deformable_conv(
            features,
            tf.convert_to_tensor(self.kernel),
            offsets,
            modulation=modulation,
            strides=self._strides,
            dilation=self._dilation,
        )
        return out + tf.cast(self.bias, out.dtype) if self.use_bias else out


def _pair(value):
    """An int, or two, as two."""
    return (value, value) if isinstance(value, int) else tuple(value)
