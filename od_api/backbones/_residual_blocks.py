"""Residual blocks of our own networks, with their projections."""

import keras


def bottleneck(x, name, make, depths, *, project=None, squeeze=False, **middle):
    """1x1, 3x3 and 1x1 convolutions whose sum with the input goes through ReLU.

    Args:
      x: a symbolic map.
      name: prefix of the layers' names; the block ends at "<name>_end".
      make: Blocks.
      depths: (channels inside, channels of the output).
      project: whether the input goes through a 1x1 convolution; None: where its
        shape differs from the output's.
      squeeze: channels are weighed by their means before the sum.
      **middle: strides, dilation_rate, groups of the 3x3 convolution.
    """
    inner, outer = depths
    stride = middle.get("strides", 1)
    before = x
    x = make.conv(x, inner, 1, f"{name}_narrow")
    x = make.conv(x, inner, 3, f"{name}_middle", **middle)
    x = make.conv(x, outer, 1, f"{name}_wide", activation=False)
    if squeeze:
        x = make.squeeze(x, f"{name}_squeeze")
    if project is None:
        project = stride > 1 or before.shape[-1] != outer
    if project:
        before = make.conv(
            before, outer, 1, f"{name}_project", strides=stride, activation=False
        )
    x = keras.layers.Add(name=f"{name}_add")([x, before])
    return make.activate(x, f"{name}_end")


def basic(x, name, make):
    """Two 3x3 convolutions whose sum with the input goes through ReLU."""
    depth, before = x.shape[-1], x
    x = make.conv(x, depth, 3, f"{name}_first")
    x = make.conv(x, depth, 3, f"{name}_second", activation=False)
    x = keras.layers.Add(name=f"{name}_add")([x, before])
    return make.activate(x, f"{name}_end")


def inverted(x, numbers, name, make):
    """MobileNet v2's block: 1x1 to more channels, depthwise 3x3, 1x1 to fewer.

    Args:
      x: a symbolic map; it is added to the result where shapes agree.
      numbers: (factor of the input's channels, channels of the output, stride).
      name: prefix of the layers' names.
      make: Blocks.
    """
    expansion, depth, stride = numbers
    before = x
    if expansion > 1:
        x = make.conv(x, expansion * x.shape[-1], 1, f"{name}_expand")
    x = make.depthwise(x, 3, f"{name}_depthwise", strides=stride)
    x = make.conv(x, depth, 1, f"{name}_narrow", activation=False)
    if stride == 1 and before.shape[-1] == depth:
        x = keras.layers.Add(name=f"{name}_add")([x, before])
    return x


def stem(x, make, depth=64):
    """As ResNets have it: a 7x7 convolution and a 3x3 pool, both of stride 2."""
    x = make.conv(x, depth, 7, "stem", strides=2)
    return keras.layers.MaxPooling2D(3, 2, padding="same", name="pool")(x)
