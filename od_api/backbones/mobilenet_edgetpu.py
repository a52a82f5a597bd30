"""MobileNet-EdgeTPU (Howard and Gupta, 2019)."""

import functools

from od_api.backbones._mobile_blocks import (
    Block,
    Style,
    block_ends,
    fused,
    inverted,
    network,
    no_donor,
)
from od_api.backbones._stages import StagedNetwork
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier
from od_api.protos import backbone_pb2

STEM = 32
BLOCKS = [
    Block("plain", 16),
    *[fused(32, 8, stride=2), *[fused(32, 4)] * 3],
    *[fused(48, 8, stride=2), *[fused(48, 4)] * 3],
    *[inverted(96, 8, stride=2), *[inverted(96, 4)] * 3],
    *[inverted(96, 8, skip=False), *[inverted(96, 4)] * 3],
    *[inverted(160, 8, 5, stride=2), *[inverted(160, 4, 5)] * 3],
    inverted(192, 8),
]
# Number of the last block, from 1, and stride; the last of stride 16 is wide inside.
ENDS = {"C2": (5, 4), "C3": (9, 8), "C4": (17, 16), "C5": (22, 32)}
EXPANDED = ("block_17_expand_activation", 16)


@register(backbone_pb2.MobilenetEdgetpu)
class MobilenetEdgetpu(StagedNetwork):
    """MobileNet v3's relative for the EdgeTPU: full convolutions early, ReLU, no SE.

    Maps are halved upwards (320 px: 80, 40, 20, 20, 10). Stage C4_expanded is the wide
    map inside the last block of stride 16, which SSD reads. Source: the authors'
    article "Introducing the next generation of on-device vision models" (2019), with
    the depths of their code.

    Args:
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (batch-norm decay .997 and epsilon .001, no regulariser, ReLU).
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
        super().__init__(name="mobilenet_edgetpu")
        style = Style(
            multiplier=checked_multiplier(depth_multiplier, min_depth),
            min_depth=min_depth,
            activation="relu",
            epsilon=0.001,
            decay=0.997,
        )
        edit = functools.partial(
            keras_network.apply_settings,
            hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )
        made = network(self.name, STEM, BLOCKS, style)
        stages = block_ends(ENDS)
        last = stages.pop("C5")
        self._read_stages(
            keras_network.rebuild(made, name=self.name, edit=edit),
            {**stages, "C4_expanded": EXPANDED, "C5": last},
            second_stage_after="C4" if second_stage else None,
        )
        self._load_initial(weights, no_donor)
