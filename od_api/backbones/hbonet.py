"""HBONet (Li et al., ICCV 2019)."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.backbones._residual_blocks import inverted
from od_api.core.registry import register
from od_api.layers.channel_layers import ChannelPart
from od_api.layers.upsampling import EnlargeLike
from od_api.protos import backbone_pb2

# Kind of the block, expansion of its input's depth, depth, repetitions and stride; a
# stage ends with the line that has its name.
LINES = (
    ("inverted", 1, 20, 1, 1, ""),
    ("harmonious", 2, 36, 1, 1, ""),
    ("harmonious", 2, 72, 3, 2, "C2"),
    ("harmonious", 2, 96, 4, 2, "C3"),
    ("harmonious", 2, 192, 4, 2, ""),
    ("harmonious", 2, 288, 1, 1, "C4"),
    ("plain", 1, 144, 1, 1, ""),
    ("inverted", 6, 200, 2, 2, ""),
    ("inverted", 6, 400, 1, 1, ""),
)
STEM, TOP = 32, 1600
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@register(backbone_pb2.Hbonet)
class Hbonet(OwnNetwork):
    """Harmonious bottlenecks: a block works on maps of half the size, with more depth.

    A block halves the map by a 5x5 depthwise convolution, expands its channels, and
    gives half of its output's channels, which grow back by bilinear interpolation, the
    first input channels added to them, and another 5x5 depthwise convolution. The other
    half, the first in the output, are the last channels of the input as they are; where
    a block has stride 2, their means over 2x2 cells, and nothing grows back. ReLU6 is
    behind the expansion and the 3x3 depthwise convolution alone. C5 is the last 1x1
    convolution. Maps are halved upwards (300 px: 75, 38, 19, 10). Batch norm has the
    decay .9 and the epsilon 1e-5. Source: Li et al., HBONet, ICCV 2019, section 3.

    Args:
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8, of the multiplier 1 too.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU6).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name="hbonet")
        make = blocks_of(depth_multiplier, min_depth, activation="relu6")
        images = keras.Input([None, None, 3])
        x = make.conv(images, make.depth(STEM), 3, "stem", strides=2)
        stages = {}
        for number, line in enumerate(LINES, start=1):
            x = _repeated(x, line, f"line_{number}", make)
            if line[-1]:
                stages[line[-1]] = (f"line_{number}_end", STRIDES[line[-1]])
        x = make.conv(x, make.depth(TOP), 1, "top")
        self._take(
            keras.Model(images, x, name=self.name),
            {**stages, "C5": ("top_activation", STRIDES["C5"])},
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
        )


def _repeated(x, line, name, make):
    kind, expansion, depth, repetitions, stride, _ = line
    # The table's depths are no multiples of 8, and the network's are.
    depth = make.depth(depth) if make.multiplier != 1 else -(-(depth - 3) // 8) * 8
    for i in range(repetitions):
        block = f"{name}_block_{i}"
        if kind == "plain":
            x = make.conv(x, depth, 1, block, activation=False)
        elif kind == "inverted":
            x = inverted(x, (expansion, depth, stride), block, make)
        else:
            x = _harmonious(x, (expansion, depth, stride), block, make)
        stride = 1
    return keras.layers.Identity(name=f"{name}_end")(x)


def _harmonious(x, numbers, name, make):
    expansion, depth, stride = numbers
    before, half = x, depth // 2
    x = make.depthwise(x, 5, f"{name}_halve", strides=2, activation=False)
    x = make.conv(x, expansion * x.shape[-1], 1, f"{name}_expand")
    x = make.depthwise(x, 3, f"{name}_depthwise")
    x = make.conv(x, half, 1, f"{name}_narrow", activation=False)
    # As many as there are: narrow networks add nothing to the channels beyond.
    kept = ChannelPart(-min(depth - half, before.shape[-1]), name=f"{name}_kept")(
        before
    )
    if stride == 2:
        pool = keras.layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")
        return keras.layers.Concatenate(name=f"{name}_joined")([pool(kept), x])
    x = EnlargeLike(2, name=f"{name}_enlarge")([x, before])
    first = ChannelPart(0, half, name=f"{name}_first")(before)
    x = keras.layers.Add(name=f"{name}_add")([x, first])
    x = make.depthwise(x, 5, f"{name}_smooth", activation=False)
    return keras.layers.Concatenate(name=f"{name}_joined")([kept, x])
