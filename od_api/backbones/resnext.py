"""ResNeXt with 50, 101 or 152 layers (Xie et al., CVPR 2017), and its SE variant."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.backbones._residual_blocks import bottleneck, stem
from od_api.backbones.resnet import BLOCKS, PLAIN_STRIDES
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import backbone_pb2

# Channels that the blocks of C2 give; each stage doubles them and the groups' width.
OUTER = 256


@register(backbone_pb2.Resnext)
class Resnext(OwnNetwork):
    """ResNet whose 3x3 convolutions have groups of channels that do not see each other.

    The stride of a stage is in the 3x3 convolution of its first block. Batch norm has
    the decay .9 and the epsilon 1e-5. Maps are halved upwards (300 px: 75, 38, 19, 10).
    With `squeeze` it is SE-ResNeXt, and with one group of width 64 SE-ResNet (Hu et
    al., CVPR 2018).

    Args:
      depth: 50, 101 or 152 layers.
      groups: of channels (the paper's cardinality), 1 to 1024.
      group_width: channels of each group in C2, before multiplying; doubled from stage
        to stage.
      squeeze: every block weighs its channels by their means.
      depth_multiplier: factor on the depth of every layer, above 0; groups keep their
        number, and one channel at least.
      min_depth: least depth of a layer without groups after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
      region_aware: a RegionAware: the 3x3 convolutions of some stages read regions with
        kernels of their own; groups are 1 then.
    """

    regional = ("_middle",)

    def __init__(
        self,
        *,
        depth=50,
        groups=32,
        group_width=4,
        squeeze=False,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
        region_aware=None,
    ):
        super().__init__(name=f"resnext{depth}")
        if depth not in BLOCKS:
            raise ranges.RangeError(
                "depth", f"depth is {depth}, and must be 50, 101 or 152"
            )
        ranges.between("groups", groups, 1, 1024)
        ranges.between("group_width", group_width, 1, 1024)
        make = blocks_of(depth_multiplier, min_depth)
        images = keras.Input([None, None, 3])
        x = stem(images, make, make.depth(64))
        stages = {}
        for i, level in enumerate(PLAIN_STRIDES):
            width = max(int(group_width * make.multiplier), 1) * 2**i
            depths = (groups * width, make.depth(OUTER * 2**i))
            x = _stage(x, (level, BLOCKS[depth][i]), make, depths, groups, squeeze)
            end = f"{level}_block_{BLOCKS[depth][i] - 1}_end"
            stages[level] = (end, PLAIN_STRIDES[level])
        self._take(
            keras.Model(images, x, name=self.name),
            stages,
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
            region_aware=region_aware,
        )


def _stage(x, named, make, depths, groups, squeeze):
    """Blocks of (level, how many); all stages but C2 open with a stride of 2."""
    level, blocks = named
    for n in range(blocks):
        stride = 2 if n == 0 and level != "C2" else 1
        sizes = {"strides": stride, "groups": groups}
        x = bottleneck(x, f"{level}_block_{n}", make, depths, squeeze=squeeze, **sizes)
    return x
