"""VoVNet with 19 to 99 layers, versions 1 and 2 (Lee et al., CVPRW 2019, CVPR 2020)."""

from typing import NamedTuple

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import backbone_pb2

NARROW, WIDE = (64, 80, 96, 112), (128, 160, 192, 224)


class Table(NamedTuple):
    """A network: of its stages C2 to C5, and of all blocks.

    Attributes:
      depths: of the 3x3 convolutions.
      blocks: how many.
      convolutions: of each block.
    """

    depths: tuple
    blocks: tuple
    convolutions: int = 5


TABLES = {
    19: Table(WIDE, (1, 1, 1, 1), 3),
    27: Table(NARROW, (1, 1, 1, 1)),
    39: Table(WIDE, (1, 1, 2, 2)),
    57: Table(WIDE, (1, 1, 4, 3)),
    99: Table(WIDE, (1, 3, 9, 3)),
}
# What the blocks of a stage give, by the depth of its convolutions.
OUTPUTS = {
    **dict(zip(NARROW, (128, 256, 384, 512), strict=True)),
    **dict(zip(WIDE, (256, 512, 768, 1024), strict=True)),
}
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@register(backbone_pb2.Vovnet)
class Vovnet(OwnNetwork):
    """One-shot aggregation: a block's convolutions are concatenated once, at its end.

    Version 2 adds the input to a block that repeats another of its stage, and weighs
    the channels of what a block aggregates (eSE: their mean, one convolution, hard
    sigmoid). Maps are halved upwards (300 px: 75, 38, 19, 10), by pools of 3x3 cells
    between the stages. Batch norm has the decay .9 and the epsilon 1e-5. 27 layers are
    the slim network of the paper.

    Args:
      depth: 19, 27, 39, 57 or 99 layers.
      version: 1 or 2.
      last_attention_only: version 2 weighs the channels of a stage's last block alone.
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        depth=39,
        version=1,
        last_attention_only=False,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"vovnet{depth}_v{version}")
        _check(depth, version, last_attention_only)
        make = blocks_of(depth_multiplier, min_depth)
        images = keras.Input([None, None, 3])
        x = _network(images, TABLES[depth], make, version, last_attention_only)
        self._take(
            keras.Model(images, x, name=self.name),
            {level: (f"{level}_end", stride) for level, stride in STRIDES.items()},
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
        )


def _check(depth, version, last_attention_only):
    if depth not in TABLES:
        known = ", ".join(map(str, TABLES))
        raise ranges.RangeError(
            "depth", f"depth is {depth}, and must be one of {known}"
        )
    if version not in (1, 2):
        raise ranges.RangeError("version", f"version is {version}, and must be 1 or 2")
    if last_attention_only and version == 1:
        raise ranges.RangeError(
            "last_attention_only", "last_attention_only needs version: 2"
        )


def _network(x, table, make, version, last_attention_only):
    for i, (depth, stride) in enumerate(((64, 2), (64, 1), (128, 2))):
        x = make.conv(x, make.depth(depth), 3, f"stem_{i}", strides=stride)
    stages = zip(STRIDES, table.depths, table.blocks, strict=True)
    for level, depth, blocks in stages:
        if level != "C2":
            pool = keras.layers.MaxPooling2D(3, 2, padding="same", name=f"{level}_pool")
            x = pool(x)
        for i in range(blocks):
            name, before = f"{level}_block_{i}", x
            x = _aggregated(x, depth, table.convolutions, make, name)
            if version == 2 and (i == blocks - 1 or not last_attention_only):
                x = _weighed(x, f"{name}_attention")
            if version == 2 and i:
                x = keras.layers.Add(name=f"{name}_add")([x, before])
        x = keras.layers.Identity(name=f"{level}_end")(x)
    return x


def _aggregated(x, depth, convolutions, make, name):
    """A block: its input and every convolution's output, brought to one depth."""
    maps = [x]
    for i in range(convolutions):
        x = make.conv(x, make.depth(depth), 3, f"{name}_conv_{i}")
        maps.append(x)
    x = keras.layers.Concatenate(name=f"{name}_maps")(maps)
    return make.conv(x, make.depth(OUTPUTS[depth]), 1, f"{name}_aggregate")


def _weighed(x, name):
    means = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    weights = keras.layers.Conv2D(
        x.shape[-1], 1, activation="hard_sigmoid", name=f"{name}_weigh"
    )(means)
    return keras.layers.Multiply(name=f"{name}_times")([x, weights])
