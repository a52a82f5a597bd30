"""HRNet (Wang et al., TPAMI 2020): maps of all sizes side by side, to the end."""

import keras

from od_api.backbones._own_network import Blocks, OwnNetwork
from od_api.backbones._residual_blocks import basic, bottleneck
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.upsampling import EnlargeLike
from od_api.protos import backbone_pb2

STEM, FIRST_BLOCKS, UNITS = 64, 4, 4
# Of the stages with two, three and four streams.
MODULES = (1, 4, 3)
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
UPSAMPLING = ("bilinear", "nearest")


@register(backbone_pb2.Hrnet)
class Hrnet(OwnNetwork):
    """Streams of stride 4 to 32 side by side, each of whose modules mixes all of them.

    Two convolutions of stride 2 and four bottlenecks, then stages of two, three and
    four streams of `width`, 2, 4 and 8 times it: in each module four residual blocks a
    stream, and sums of all streams, brought down by chains of 3x3 convolutions of
    stride 2 and up by a 1x1 convolution and upsampling. C2 alone is what the paper
    calls V1; `hrfpn` makes V2 and V2p of all four. Maps are halved upwards (300 px: 75,
    38, 19, 10). Batch norm has the decay .9 and the epsilon 1e-5. It cannot be cut in
    two: every stream goes to the end.

    Args:
      width: channels of the finest stream: 18, 32, 40, 48 in the paper.
      modules: of the stages with two, three and four streams; empty: 1, 4, 3.
      upsampling: "bilinear" (the paper's) or "nearest".
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        width=32,
        modules=(),
        upsampling="bilinear",
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__(name=f"hrnet_w{width}")
        modules = tuple(modules) or MODULES
        _check(width, modules, upsampling)
        make = Blocks()
        images = keras.Input([None, None, 3])
        x = make.conv(images, STEM, 3, "stem_0", strides=2)
        x = make.conv(x, STEM, 3, "stem_1", strides=2)
        for i in range(FIRST_BLOCKS):
            x = bottleneck(x, f"first_block_{i}", make, (STEM, 4 * STEM))
        streams = [x]
        for stage, count in enumerate(modules, start=2):
            depths = [width * 2**i for i in range(stage)]
            streams = _opened(streams, depths, f"stage_{stage}", make)
            for i in range(count):
                streams = _module(
                    streams, f"stage_{stage}_module_{i}", make, upsampling
                )
        last = f"stage_{len(modules) + 1}_module_{modules[-1] - 1}"
        self._take(
            keras.Model(images, streams, name=self.name),
            {
                level: (f"{last}_stream_{i}_end", stride)
                for i, (level, stride) in enumerate(STRIDES.items())
            },
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )


def _check(width, modules, upsampling):
    ranges.between("width", width, 1, 1024)
    if len(modules) != len(MODULES):
        raise ranges.RangeError(
            "modules",
            f"modules has {len(modules)} numbers, and there are stages of two, three "
            "and four streams",
        )
    ranges.between("modules", modules, 1, ranges.MOST_LAYERS)
    if upsampling not in UPSAMPLING:
        raise ranges.RangeError(
            "upsampling", f"upsampling is {upsampling!r}: it is bilinear or nearest"
        )


def _opened(streams, depths, name, make):
    """The streams of a stage: those before it at its depths, and one that is halved."""
    opened = []
    for i, depth in enumerate(depths):
        x = streams[min(i, len(streams) - 1)]
        if i == len(streams):
            x = make.conv(x, depth, 3, f"{name}_open_{i}", strides=2)
        elif x.shape[-1] != depth:
            x = make.conv(x, depth, 3, f"{name}_open_{i}")
        opened.append(x)
    return opened


def _module(streams, name, make, upsampling):
    worked, made = [], []
    for i, x in enumerate(streams):
        for unit in range(UNITS):
            x = basic(x, f"{name}_stream_{i}_unit_{unit}", make)
        worked.append(x)
    for i in range(len(worked)):
        parts = [
            _brought(worked, j, i, f"{name}_from_{j}_to_{i}", make, upsampling)
            for j in range(len(worked))
        ]
        total = keras.layers.Add(name=f"{name}_stream_{i}_sum")(parts)
        made.append(make.activate(total, f"{name}_stream_{i}_end"))
    return made


def _brought(streams, source, target, name, make, upsampling):
    """A stream at the size and depth of another."""
    x, like = streams[source], streams[target]
    depth = like.shape[-1]
    if source > target:
        x = make.conv(x, depth, 1, name, activation=False)
        factor = 2 ** (source - target)
        return EnlargeLike(factor, upsampling, name=f"{name}_enlarge")([x, like])
    for step in range(target - source):
        last = step == target - source - 1
        inner = depth if last else x.shape[-1]
        x = make.conv(x, inner, 3, f"{name}_{step}", strides=2, activation=not last)
    return x
