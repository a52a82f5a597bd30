"""DarkNet with 19 or 53 layers (Redmon and Farhadi, CVPR 2017, and YOLOv3, 2018)."""

import keras

from od_api.backbones._own_network import OwnNetwork, blocks_of
from od_api.core.registry import register
from od_api.protos import backbone_pb2

# Of 19 layers: depths between the pools; kernels are 3 and 1 in turn, beginning with 3.
PLAIN = (
    (32,),
    (64,),
    (128, 64, 128),
    (256, 128, 256),
    (512, 256, 512, 256, 512),
    (1024, 512, 1024, 512, 1024),
)
# Of 53 layers: depth behind each convolution of stride 2, and how many residual blocks
# follow it.
RESIDUAL = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
STEM = 32

STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
SLOPE = 0.1


@register(backbone_pb2.Darknet)
class Darknet(OwnNetwork):
    """The networks of YOLO v2 and v3: 3x3 and 1x1 convolutions with leaky ReLU.

    Maps are halved upwards (300 px: 75, 38, 19, 10), by pools where there are 19 layers
    and by convolutions of stride 2 where there are 53. Without the classifier these are
    18 and 52 convolutions. Batch norm has the decay .9 and the epsilon 1e-5.

    Args:
      depth: 19 or 53 layers.
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings.
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        depth=53,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"darknet{depth}")
        if depth not in (19, 53):
            raise ValueError(f"depth is {depth}, and must be 19 or 53")
        make = blocks_of(depth_multiplier, min_depth, activation=SLOPE)
        images = keras.Input([None, None, 3])
        x = (_plain if depth == 19 else _residual)(images, make)
        self._take(
            keras.Model(images, x, name=self.name),
            {level: (f"{level}_end", stride) for level, stride in STRIDES.items()},
            weights=weights,
            conv_hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
            second_stage=second_stage,
        )


def _plain(x, make):
    for number, depths in enumerate(PLAIN):
        if number:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool_{number}")(x)
        for i, depth in enumerate(depths):
            kernel = 1 if i % 2 else 3
            x = make.conv(x, make.depth(depth), kernel, f"C{number}_conv_{i}")
        x = keras.layers.Identity(name=f"C{number}_end")(x)
    return x


def _residual(x, make):
    x = make.conv(x, make.depth(STEM), 3, "stem")
    for number, (depth, blocks) in enumerate(RESIDUAL, start=1):
        x = make.conv(x, make.depth(depth), 3, f"C{number}_halve", strides=2)
        for i in range(blocks):
            name, before = f"C{number}_block_{i}", x
            x = make.conv(x, make.depth(depth // 2), 1, f"{name}_narrow")
            x = make.conv(x, make.depth(depth), 3, f"{name}_wide")
            x = keras.layers.Add(name=f"{name}_add")([x, before])
        x = keras.layers.Identity(name=f"C{number}_end")(x)
    return x
