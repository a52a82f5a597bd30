"""Receptive-field blocks: branches of several kernels and dilations (RFB-Net)."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.layers.chain import Chain


class ReceptiveFieldBlock(keras.layers.Layer):
    """Branches whose larger kernels go with larger dilations, and a shortcut.

    The branches side by side go through a 1x1 convolution, are multiplied by `scale`
    and added to a 1x1 convolution of the input; ReLU follows. Convolutions have a
    normaliser and an activation; the last one of a branch and the two 1x1 ones behind
    have no activation. With i an eighth of the input's channels, v = `visual` and 3x3
    kernels: 1x1 to 2i and dilation v; 1x1 to i, 2i and dilation v + 1; 1x1 to i, 3i/2,
    2i and dilation 2v + 1. Source: Liu et al., Receptive Field Block Net, ECCV 2018,
    section 3.1.

    Args:
      make: a `ConvHyperparams`.
      filters: channels that come out.
      small: four branches of the paper's RFB-s, for a fine map: with i a quarter, 3x3,
        3x1, 1x3, and 1x3 and 3x1 kernels and dilations 1, 3, 3 and 5; no `visual`.
      strides: 1 or 2; not of a small one.
      scale: of the branches.
      visual: the least dilation.
      name: of the layer.
    """

    def __init__(
        self, make, filters, *, small=False, strides=1, scale=0.1, visual=1, name
    ):
        super().__init__(name=name)
        ranges.between("scale", scale, 0, 10)
        ranges.between("visual", visual, 1, 10)
        self._make, self._filters = make, filters
        self._small, self._strides = small, strides
        self._scale, self._visual = scale, visual

    def build(self, shape):
        """Creates the variables, for maps [B, h, w, C]."""
        depth = shape[-1]
        table = (
            _small_branches(depth)
            if self._small
            else _branches(depth, self._strides, self._visual)
        )
        self.branches = [
            Chain(
                [
                    self._conv(*line, name=f"conv_{j}", activation=j < len(lines) - 1)
                    for j, line in enumerate(lines)
                ],
                name=f"branch_{i}",
            )
            for i, lines in enumerate(table)
        ]
        for branch in self.branches:
            branch.build(shape)
        joined = sum(lines[-1][0] for lines in table)
        self.join = self._conv(self._filters, 1, name="join", activation=False)
        self.join.build((*shape[:3], joined))
        self.shortcut = self._conv(
            self._filters, 1, self._strides, name="shortcut", activation=False
        )
        self.shortcut.build(shape)
        self.built = True

    def _conv(self, filters, kernel, strides=1, dilation=1, *, name, activation):
        conv = self._make.conv2d(
            filters, kernel, name="conv", strides=strides, dilation_rate=dilation
        )
        norm = self._make.norm_layer(filters, name="norm")
        function = self._make.activation_layer(name="activation")
        return Chain([conv, norm, function if activation else None], name=name)

    def compute_output_shape(self, shape):
        """[B, h, w, C] -> [B, h', w', filters]."""
        sides = [None if n is None else -(-n // self._strides) for n in shape[1:3]]
        return (shape[0], *sides, self._filters)

    def call(self, x):
        """[B, h, w, C] -> [B, h', w', filters]."""
        made = self.join(tf.concat([branch(x) for branch in self.branches], axis=-1))
        return tf.nn.relu(self._scale * made + self.shortcut(x))


def _branches(depth, strides, visual):
    """Lines (channels, kernel, stride, dilation) of each branch."""
    inner, wide = max(depth // 8, 1), max(depth // 8, 1) * 3 // 2
    return [
        [(2 * inner, 1, strides), (2 * inner, 3, 1, visual)],
        [(inner, 1), (2 * inner, 3, strides), (2 * inner, 3, 1, visual + 1)],
        [
            (inner, 1),
            (wide, 3),
            (2 * inner, 3, strides),
            (2 * inner, 3, 1, 2 * visual + 1),
        ],
    ]


def _small_branches(depth):
    inner, half = max(depth // 4, 1), max(depth // 8, 1)
    return [
        [(inner, 1), (inner, 3)],
        [(inner, 1), (inner, (3, 1)), (inner, 3, 1, 3)],
        [(inner, 1), (inner, (1, 3)), (inner, 3, 1, 3)],
        [(half, 1), (3 * half // 2, (1, 3)), (inner, (3, 1)), (inner, 3, 1, 5)],
    ]
