"""MobileDet for CPU, DSP, EdgeTPU and GPU (Xiong et al., CVPR 2021)."""

import functools

from od_api.backbones._mobile_blocks import (
    Block,
    Style,
    block_ends,
    fused,
    inverted,
    network,
    no_donor,
    tucker,
)
from od_api.backbones._stages import StagedNetwork
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier
from od_api.protos import backbone_pb2

FIRST = {"stride": 2, "skip": False}
WIDER = {"skip": False}

# (depth of the stem, blocks of the stages at strides 2, 4, 8, 16 and 32)
CPU = (
    16,
    [Block("depthwise", 8, skip=False)],
    [inverted(16, 4, **FIRST)],
    [inverted(32, 8, **FIRST), *[inverted(32, 4)] * 3],
    [
        inverted(72, 8, 5, **FIRST),
        inverted(72, 8),
        inverted(72, 4, 5),
        inverted(72, 4),
        inverted(72, 8, **WIDER),
        *[inverted(72, 8)] * 3,
    ],
    [
        inverted(104, 8, 5, **FIRST),
        *[inverted(104, 4, 5)] * 2,
        inverted(104, 4),
        inverted(144, 8, **WIDER),
    ],
)
DSP = (
    32,
    [Block("depthwise", 24, skip=False)],
    [fused(32, 4, **FIRST), fused(32, 4), inverted(32, 4), tucker(32, 0.25, 0.75)],
    [fused(64, 8, **FIRST), inverted(64, 4), *[fused(64, 4)] * 2],
    [
        fused(120, 8, **FIRST),
        inverted(120, 4),
        *[inverted(120, 8)] * 2,
        fused(144, 8, **WIDER),
        *[inverted(144, 8)] * 3,
    ],
    [
        inverted(160, 4, **FIRST),
        inverted(160, 4),
        fused(160, 4),
        tucker(160, 0.75, 0.75),
        inverted(240, 8, **WIDER),
    ],
)
EDGETPU = (
    32,
    [tucker(16, 0.25, 0.75, skip=False)],
    [fused(16, 8, **FIRST), fused(16, 4), fused(16, 8), fused(16, 4)],
    [fused(40, 8, 5, **FIRST), *[fused(40, 4)] * 3],
    [
        inverted(72, 8, **FIRST),
        inverted(72, 8),
        *[fused(72, 4)] * 2,
        inverted(96, 8, 5, **WIDER),
        inverted(96, 8, 5),
        *[inverted(96, 8)] * 2,
    ],
    [
        inverted(120, 8, 5, **FIRST),
        inverted(120, 8),
        inverted(120, 4, 5),
        inverted(120, 8),
        inverted(384, 8, 5, **WIDER),
    ],
)
GPU = (
    32,
    [tucker(16, 0.25, 0.25, skip=False)],
    [fused(32, 8, **FIRST), *[tucker(32, 0.25, 0.25)] * 3],
    [fused(64, 8, **FIRST), *[fused(64, 8)] * 2, fused(64, 4)],
    [
        fused(128, 8, **FIRST),
        *[fused(128, 4)] * 3,
        fused(128, 8, **WIDER),
        *[fused(128, 8)] * 3,
    ],
    [fused(128, 4, **FIRST), *[fused(128, 4)] * 3, inverted(384, 8, **WIDER)],
)
TARGETS = {"cpu": CPU, "dsp": DSP, "edgetpu": EDGETPU, "gpu": GPU}


@register(backbone_pb2.Mobiledet)
class Mobiledet(StagedNetwork):
    """The networks that a search found for detection on four kinds of chips.

    The one for CPUs has squeeze-and-excitation in every block, and hard swish. Maps are
    halved upwards (320 px: 80, 40, 20, 10). Source: Xiong et al., MobileDets, CVPR
    2021, appendix, with the depths of the authors' code.

    Args:
      target: "cpu", "dsp", "edgetpu" or "gpu".
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (batch-norm decay .99 and epsilon .01, no regulariser, ReLU6).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        target="cpu",
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"mobiledet_{target}")
        if target not in TARGETS:
            raise ValueError(f"target is one of {', '.join(TARGETS)}")
        for_cpu = target == "cpu"
        style = Style(
            multiplier=checked_multiplier(depth_multiplier, min_depth),
            min_depth=min_depth,
            activation="hard_swish" if for_cpu else "relu6",
            epsilon=0.01,
            decay=0.99,
            squeeze=for_cpu,
        )
        stem, *stages = TARGETS[target]
        edit = functools.partial(
            keras_network.apply_settings,
            hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )
        blocks = [block for stage in stages for block in stage]
        made = network(self.name, stem, blocks, style)
        self._read_stages(
            keras_network.rebuild(made, name=self.name, edit=edit),
            block_ends(_ends(stages)),
            second_stage_after="C4" if second_stage else None,
        )
        self._load_initial(weights, no_donor)


def _ends(stages):
    """{level: (number of its last block, stride)} of C2 to C5."""
    ends, count = {}, 0
    for i, stage in enumerate(stages, start=1):
        count += len(stage)
        ends[f"C{i}"] = (count, 2**i)
    del ends["C1"]
    return ends
