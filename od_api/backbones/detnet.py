"""DetNet-59 (Li et al., ECCV 2018)."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.backbones._residual_blocks import bottleneck, stem
from od_api.core.registry import register
from od_api.protos import backbone_pb2

# Channels inside the blocks of a stage, how many blocks, and the stage's stride.
STAGES = {
    "C2": (64, 3, 4),
    "C3": (128, 4, 8),
    "C4": (256, 6, 16),
    "C5": (256, 3, 16),
    "C6": (256, 3, 16),
}
# Stages of the same size as the one before, whose kernels are spread instead.
DILATED = ("C5", "C6")


@register(backbone_pb2.Detnet)
class Detnet(OwnNetwork):
    """ResNet-50 to C4, then C5 and C6, also of stride 16, with dilated kernels.

    The first block of C5 and of C6 has a 1x1 convolution beside it although shapes
    agree: it makes a new stage. Batch norm has the decay .9 and the epsilon 1e-5; the
    stride of a stage is in the 3x3 convolution of its first block. Maps are halved
    upwards. The paper's other network for comparison, a dilated ResNet-50, is `resnet {
    output_stride: 16 }`. Source: Li et al., DetNet, ECCV 2018, section 3.

    Args:
      projections: False leaves out the 1x1 convolutions beside the first blocks of C5
        and C6 (the paper's DetNet-59-NoProj).
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and C5 and C6 run on crops of it.
    """

    def __init__(
        self,
        *,
        projections=True,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name="detnet59")
        make = blocks_of(depth_multiplier, min_depth)
        images = keras.Input([None, None, 3])
        x = stem(images, make, make.depth(64))
        for level in STAGES:
            x = _stage(x, level, make, projections)
        self._take(
            keras.Model(images, x, name=self.name),
            {
                level: (f"{level}_block_{blocks - 1}_end", stride)
                for level, (_, blocks, stride) in STAGES.items()
            },
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
        )


def _stage(x, level, make, projections):
    inner, blocks, _ = STAGES[level]
    dilated = level in DILATED
    for i in range(blocks):
        first = i == 0
        project = first and (projections or not dilated)
        sizes = {"strides": 2} if first and level in ("C3", "C4") else {}
        if dilated:
            sizes["dilation_rate"] = 2
        depths = (make.depth(inner), make.depth(4 * inner))
        x = bottleneck(x, f"{level}_block_{i}", make, depths, project=project, **sizes)
    return x
