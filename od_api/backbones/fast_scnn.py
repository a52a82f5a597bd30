"""Fast-SCNN (Poudel et al., BMVC 2019)."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.backbones._residual_blocks import inverted
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.adaptive_pooling import AdaptiveAveragePooling
from od_api.layers.upsampling import EnlargeLike
from od_api.protos import backbone_pb2

# Of the shared part: the convolution's depth, and those of the separable ones.
STEM, SHARED = 32, (48, 64)
# Of the deep branch: depth and stride of three bottlenecks each.
DEEP = ((64, 2), (96, 2), (128, 1))
EXPANSION, REPETITIONS = 6, 3
FUSED, BINS = 128, (1, 2, 3, 6)
# Of the deep branch against the shared map.
FACTOR = 4


@register(backbone_pb2.FastScnn)
class FastScnn(OwnNetwork):
    """Two branches on one start: deep at low resolution, and shallow with detail.

    Three convolutions lead to stride 8. From there nine bottlenecks lead to stride 32
    and gather the means of 1, 4, 9 and 36 parts of the map; both branches are added at
    stride 8, the map C3. C4 is the deep branch at stride 16, C5 its end. Maps are
    halved upwards (300 px: 38, 19, 10). Batch norm has the decay .9 and the epsilon
    1e-5. It cannot be cut in two: the finest map needs the coarsest.

    Args:
      num_classes: of a map C3_classes, of one logit a cell and class, for masks and
        gates; 0: none.
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        num_classes=0,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__(name="fast_scnn")
        ranges.between("num_classes", num_classes, 0, ranges.MOST_CLASSES)
        make = blocks_of(depth_multiplier, min_depth)
        images = keras.Input([None, None, 3])
        shared = make.conv(images, make.depth(STEM), 3, "stem", strides=2)
        for i, depth in enumerate(SHARED):
            shared = _separable(shared, make.depth(depth), f"shared_{i}", make, 2)
        fused = _fused(shared, _deep(shared, make), make)
        stages = {"C3": ("fused_end", 8)}
        outputs = [fused]
        if num_classes:
            outputs.append(_classes(fused, num_classes, make))
            stages["C3_classes"] = ("classes", 8)
        stages |= {"C4": ("deep_0_end", 16), "C5": ("deep_end", 32)}
        self._take(
            keras.Model(images, outputs, name=self.name),
            stages,
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )


def _separable(x, depth, name, make, stride=1):
    x = make.depthwise(x, 3, f"{name}_depthwise", strides=stride)
    return make.conv(x, depth, 1, f"{name}_pointwise")


def _deep(x, make):
    """Bottlenecks, then the means of parts of the map beside it (PSPNet's pyramid)."""
    for i, (depth, stride) in enumerate(DEEP):
        for n in range(REPETITIONS):
            numbers = (EXPANSION, make.depth(depth), 1 if n else stride)
            x = inverted(x, numbers, f"deep_{i}_{n}", make)
        x = keras.layers.Identity(name=f"deep_{i}_end")(x)
    maps = [x]
    for bins in BINS:
        name = f"parts_{bins}"
        part = AdaptiveAveragePooling(bins, name=f"{name}_means")(x)
        part = make.conv(part, make.depth(FUSED // len(BINS)), 1, name)
        maps.append(EnlargeLike(None, name=f"{name}_enlarge")([part, x]))
    x = keras.layers.Concatenate(name="parts_joined")(maps)
    x = make.conv(x, make.depth(FUSED), 1, "deep")
    return keras.layers.Identity(name="deep_end")(x)


def _fused(shared, deep, make):
    depth = make.depth(FUSED)
    x = EnlargeLike(FACTOR, name="deep_enlarge")([deep, shared])
    x = make.depthwise(x, 3, "deep_smooth", dilation_rate=FACTOR)
    x = make.conv(x, depth, 1, "deep_fuse", activation=False)
    detail = make.conv(shared, depth, 1, "shared_fuse", activation=False)
    x = keras.layers.Add(name="fused_sum")([x, detail])
    return make.activate(x, "fused_end")


def _classes(x, num_classes, make):
    for i in range(2):
        x = _separable(x, x.shape[-1], f"classes_{i}", make)
    return keras.layers.Conv2D(num_classes, 1, name="classes")(x)
