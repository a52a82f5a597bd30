"""ShuffleNet v2 (Ma et al., ECCV 2018), and its SE variant."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.core.registry import register
from od_api.layers.channel_layers import ChannelPart, ChannelShuffle
from od_api.protos import backbone_pb2

STEM = 24
# Table 5 of the paper: depths of the stages C3, C4, C5, and of the last convolution.
DEPTHS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
UNITS = {"C3": 4, "C4": 8, "C5": 4}


@register(backbone_pb2.ShufflenetV2)
class ShufflenetV2(OwnNetwork):
    """Half of the channels go on as they are, and shuffling mixes the halves.

    The other half goes through a 1x1, a depthwise 3x3 and a 1x1 convolution. Where a
    unit has stride 2 both halves are made of all channels. C2 is the pool behind the
    first convolution, C5 the last 1x1 convolution. Maps are halved upwards (300 px: 75,
    38, 19, 10). Batch norm has the decay .9 and the epsilon 1e-5.

    Args:
      depth_multiplier: .5, 1, 1.5 and 2 are the paper's networks; others, above 0, have
        the depths of 1 times it, rounded to multiples of 8.
      min_depth: least depth of a layer after multiplying; even.
      squeeze: the half that is worked on is weighed channel by channel, by means (Hu et
        al., CVPR 2018).
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
      region_aware: a RegionAware: the 1x1 convolutions of some stages read regions with
        kernels of their own.
    """

    regional = ("_first", "_last", "_left_wide")

    def __init__(
        self,
        *,
        depth_multiplier=1.0,
        min_depth=8,
        squeeze=False,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
        region_aware=None,
    ):
        super().__init__(name="shufflenet_v2")
        make = blocks_of(depth_multiplier, min_depth)
        if min_depth % 2:
            raise ValueError(
                f"min_depth is {min_depth}, and halves need an even number"
            )
        depths = DEPTHS.get(make.multiplier) or [make.depth(d) for d in DEPTHS[1.0]]
        depths = [max(d, min_depth) for d in depths]
        stem = STEM if make.multiplier in DEPTHS else make.depth(STEM)
        images = keras.Input([None, None, 3])
        x = _network(images, (stem, *depths), make, squeeze)
        ends = {level: f"{level}_unit_{n - 1}_shuffle" for level, n in UNITS.items()}
        self._take(
            keras.Model(images, x, name=self.name),
            {
                "C2": ("pool", 4),
                "C3": (ends["C3"], 8),
                "C4": (ends["C4"], 16),
                "C5": ("top_activation", 32),
            },
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
            region_aware=region_aware,
        )


def _network(images, depths, make, squeeze):
    """Of the depths of the first convolution, of three stages and of the last one."""
    stem, *depths, top = depths
    x = make.conv(images, stem, 3, "stem", strides=2)
    x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool")(x)
    for (level, units), depth in zip(UNITS.items(), depths, strict=True):
        for i in range(units):
            x = _unit(x, depth, f"{level}_unit_{i}", make, squeeze)
    return make.conv(x, top, 1, "top")


def _unit(x, depth, name, make, squeeze):
    half = depth // 2
    if name.endswith("_0"):
        kept = make.depthwise(x, 3, f"{name}_left", strides=2, activation=False)
        kept = make.conv(kept, half, 1, f"{name}_left_wide")
        stride = 2
    else:
        kept = ChannelPart(0, half, name=f"{name}_kept")(x)
        x = ChannelPart(half, None, name=f"{name}_worked")(x)
        stride = 1
    x = make.conv(x, half, 1, f"{name}_first")
    x = make.depthwise(x, 3, f"{name}_middle", strides=stride, activation=False)
    x = make.conv(x, half, 1, f"{name}_last")
    if squeeze:
        x = make.squeeze(x, f"{name}_squeeze")
    x = keras.layers.Concatenate(name=f"{name}_joined")([kept, x])
    return ChannelShuffle(2, name=f"{name}_shuffle")(x)
