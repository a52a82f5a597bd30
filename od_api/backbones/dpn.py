"""Dual path networks with 92 to 131 layers (Chen et al., NIPS 2017)."""

from typing import NamedTuple

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.channel_layers import ChannelPart
from od_api.protos import backbone_pb2


class Table(NamedTuple):
    """A network.

    Attributes:
      stem: channels of the first convolution.
      groups: of the 3x3 convolutions.
      width: channels of each group in C2, doubled from stage to stage.
      growth: channels that a block of C2 to C5 adds to the dense path.
      blocks: of the same stages.
    """

    stem: int
    groups: int
    width: int
    growth: tuple
    blocks: tuple


TABLES = {
    92: Table(64, 32, 3, (16, 32, 24, 128), (3, 4, 20, 3)),
    98: Table(96, 40, 4, (16, 32, 32, 128), (3, 6, 20, 3)),
    107: Table(128, 50, 4, (20, 64, 64, 128), (4, 8, 20, 3)),
    131: Table(128, 40, 4, (16, 32, 32, 128), (4, 8, 28, 3)),
}
# Channels of the residual path in C2, doubled from stage to stage.
RESIDUAL = 256
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@register(backbone_pb2.Dpn)
class Dpn(OwnNetwork):
    """Each block adds to some channels of its input and appends others to it.

    A block's 1x1, grouped 3x3 and 1x1 convolutions, each behind its own batch norm and
    ReLU, give a sum for the residual path and new channels for the dense one. A stage
    opens with a 1x1 convolution of all channels to both paths. C2 to C4 are both paths
    before the norms of what follows; C5 is normalised. Maps are halved upwards (300 px:
    75, 38, 19, 10). Batch norm has the decay .9 and the epsilon .001.

    Args:
      depth: 92, 98, 107 or 131 layers.
      depth_multiplier: factor on the depth of every layer, above 0; groups keep their
        number, and one channel at least.
      min_depth: least depth of a layer without groups after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        depth=92,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"dpn{depth}")
        if depth not in TABLES:
            known = ", ".join(map(str, TABLES))
            raise ranges.RangeError(
                "depth", f"depth is {depth}, and must be one of {known}"
            )
        make = blocks_of(depth_multiplier, min_depth, epsilon=0.001)
        table = TABLES[depth]
        images = keras.Input([None, None, 3])
        x = make.conv(images, make.depth(table.stem), 7, "stem", strides=2)
        x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool")(x)
        for i, level in enumerate(STRIDES):
            x = _stage(x, level, i, table, make)
        x = make.norm(x, "C5_last")
        ends = {level: f"{level}_end" for level in STRIDES}
        ends["C5"] = "C5_last_activation"
        self._take(
            keras.Model(images, x, name=self.name),
            {level: (ends[level], stride) for level, stride in STRIDES.items()},
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
        )


def _stage(x, level, number, table, make):
    width = max(int(table.width * make.multiplier), 1) * 2**number
    kept, growth = make.depth(RESIDUAL * 2**number), make.depth(table.growth[number])
    for i in range(table.blocks[number]):
        name, stride = f"{level}_block_{i}", 2 if number and i == 0 else 1
        paths = x
        if i == 0:
            depth = kept + 2 * growth
            paths = _conv(x, depth, 1, f"{name}_open", make, strides=stride)
        residual = ChannelPart(0, kept, name=f"{name}_residual")(paths)
        dense = ChannelPart(kept, None, name=f"{name}_dense")(paths)
        inner, groups = table.groups * width, table.groups
        x = _conv(x, inner, 1, f"{name}_narrow", make)
        x = _conv(x, inner, 3, f"{name}_middle", make, strides=stride, groups=groups)
        x = _conv(x, kept + growth, 1, f"{name}_wide", make)
        added = ChannelPart(0, kept, name=f"{name}_added")(x)
        appended = ChannelPart(kept, None, name=f"{name}_appended")(x)
        residual = keras.layers.Add(name=f"{name}_sum")([residual, added])
        x = keras.layers.Concatenate(name=f"{name}_paths")([residual, dense, appended])
    return keras.layers.Identity(name=f"{level}_end")(x)


def _conv(x, depth, kernel, name, make, **sizes):
    """Batch norm, ReLU and a convolution."""
    x = make.norm(x, name)
    return keras.layers.Conv2D(
        depth,
        kernel,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
        **sizes,
    )(x)
