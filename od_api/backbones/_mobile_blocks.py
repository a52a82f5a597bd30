"""Blocks that mobile networks found by search are made of, and networks of such tables.

Sources: Howard et al., MobileNet v3, ICCV 2019; Xiong et al., MobileDets, CVPR 2021,
section 3.
"""

from typing import NamedTuple

import keras


class Block(NamedTuple):
    """A line of a table.

    Attributes:
      kind: "depthwise": without expansion; "inverted": 1x1 convolution to the expanded
        depth, depthwise, 1x1; "fused": a full convolution to the expanded depth, 1x1;
        "tucker": 1x1 to the first rank, a full convolution to the second, 1x1;
        "plain": 1x1 alone. The last 1x1 has no activation.
      depth: channels of the output, before multiplying.
      expansion: factor of the input's depth.
      kernel: of the depthwise or full convolution.
      stride: of the same.
      skip: whether the input is added, where shapes allow it.
      ranks: of a tucker block, in shares of the input's and of the output's depth.
    """

    kind: str
    depth: int
    expansion: int = 1
    kernel: int = 3
    stride: int = 1
    skip: bool = True
    ranks: tuple = ()


class Style(NamedTuple):
    """What all blocks of a network have alike.

    Attributes:
      multiplier: factor of all depths.
      min_depth: that it leaves at least.
      activation: a Keras name, between the convolutions of a block.
      epsilon, decay: of batch norm.
      squeeze: whether expanded maps are weighed by squeeze-and-excitation.
    """

    multiplier: float
    min_depth: int
    activation: str
    epsilon: float
    decay: float
    squeeze: bool = False

    def depth(self, depth):
        """A depth of the table, multiplied."""
        return max(nearest_8(depth * self.multiplier), self.min_depth)


def nearest_8(depth):
    """The nearest multiple of 8, at least 8; halves go up."""
    return max(int(int(depth) / 8 + 0.5) * 8, 8)


def network(name, stem, blocks, style):
    """The functional model of a table.

    Layers are named after their block, from 1 on ("block_3_expand"); "block_3_end" is
    its output, and "block_3_expand_activation" its expanded map.

    Args:
      name: of the model.
      stem: depth of the first convolution, 3x3 and of stride 2.
      blocks: [Block].
      style: a Style.
    """
    images = keras.Input([None, None, 3])
    x = _conv(images, style.depth(stem), 3, "stem", style, strides=2)
    for number, block in enumerate(blocks, start=1):
        x = _block(x, block, f"block_{number}", style)
    return keras.Model(images, x, name=name)


def _block(x, block, name, style):
    inputs, depth = x, style.depth(block.depth)
    x = _inside(x, block, depth, name, style)
    if style.squeeze:
        x = _squeeze_excite(x, f"{name}_squeeze", style)
    x = _conv(x, depth, 1, f"{name}_project", style, activation=False)
    if block.skip and block.stride == 1 and inputs.shape[-1] == depth:
        x = keras.layers.Add(name=f"{name}_add")([x, inputs])
    return keras.layers.Identity(name=f"{name}_end")(x)


def _inside(x, block, depth, name, style):
    """All of a block before its last convolution."""
    channels = x.shape[-1]
    sizes = {"strides": block.stride}
    if block.kind == "fused":
        expanded = channels * block.expansion
        return _conv(x, expanded, block.kernel, f"{name}_expand", style, **sizes)
    if block.kind == "tucker":
        first = nearest_8(channels * block.ranks[0])
        second = nearest_8(depth * block.ranks[1])
        x = _conv(x, first, 1, f"{name}_first", style)
        return _conv(x, second, block.kernel, f"{name}_second", style, **sizes)
    if block.kind == "inverted":
        x = _conv(x, channels * block.expansion, 1, f"{name}_expand", style)
    if block.kind in ("inverted", "depthwise"):
        return _depthwise(x, block.kernel, block.stride, f"{name}_depthwise", style)
    return x


def _conv(x, depth, kernel, name, style, strides=1, activation=True):
    x = keras.layers.Conv2D(
        depth,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return _normalized(x, name, style, activation)


def _depthwise(x, kernel, stride, name, style):
    # He's for the one channel that each output sees; Keras' own counts all of them.
    initializer = keras.initializers.VarianceScaling(2.0 * x.shape[-1], mode="fan_in")
    x = keras.layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=initializer,
        name=name,
    )(x)
    return _normalized(x, name, style)


def _normalized(x, name, style, activation=True):
    x = keras.layers.BatchNormalization(
        momentum=style.decay, epsilon=style.epsilon, name=f"{name}_norm"
    )(x)
    if not activation:
        return x
    return keras.layers.Activation(style.activation, name=f"{name}_activation")(x)


def _squeeze_excite(x, name, style):
    """x times a weight of each channel, made of their means."""
    channels = x.shape[-1]
    means = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    hidden = keras.layers.Conv2D(
        nearest_8(channels / 4),
        1,
        activation=style.activation,
        kernel_initializer="he_normal",
        name=f"{name}_reduce",
    )(means)
    weights = keras.layers.Conv2D(
        channels,
        1,
        activation="sigmoid",
        kernel_initializer="he_normal",
        name=f"{name}_weigh",
    )(hidden)
    return keras.layers.Multiply(name=f"{name}_times")([x, weights])


def no_donor():
    """Raises ValueError: where ImageNet weights would come from."""
    raise ValueError("Keras does not have it.")


def block_ends(ends):
    """{level: (number of its last block, stride)} -> those of `_read_stages`."""
    return {level: (f"block_{n}_end", stride) for level, (n, stride) in ends.items()}


def inverted(depth, expansion, kernel=3, **more):
    """A Block of three convolutions, the middle one depthwise."""
    return Block("inverted", depth, expansion, kernel, **more)


def fused(depth, expansion, kernel=3, **more):
    """A Block of two convolutions."""
    return Block("fused", depth, expansion, kernel, **more)


def tucker(depth, first, second, **more):
    """A Block of three full convolutions."""
    return Block("tucker", depth, ranks=(first, second), **more)
