"""Inception v2, the batch-norm Inception (Ioffe and Szegedy, arXiv 1502.03167)."""

import functools

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier, scaled_depth
from od_api.protos import backbone_pb2

# The layer that ends each stage, and its stride. C4_mixed_4c is what SSD reads; the
# two-stage detectors read the end of that stage.
STAGES = {
    "C2": ("Conv2d_2c_3x3_Relu", 4),
    "C3": ("Mixed_3c", 8),
    "C4_mixed_4c": ("Mixed_4c", 16),
    "C4": ("Mixed_4e", 16),
    "C5": ("Mixed_5c", 32),
}

# Depths of the four branches: 1x1; 1x1, 3x3; 1x1, 3x3, 3x3; pool, 1x1.
MODULES = {
    "Mixed_3b": (64, (64, 64), (64, 96), 32),
    "Mixed_3c": (64, (64, 96), (64, 96), 64),
    "Mixed_4b": (224, (64, 96), (96, 128), 128),
    "Mixed_4c": (192, (96, 128), (96, 128), 128),
    "Mixed_4d": (160, (128, 160), (128, 160), 96),
    "Mixed_4e": (96, (128, 192), (160, 192), 96),
    "Mixed_5b": (352, (192, 320), (160, 224), 128),
    "Mixed_5c": (352, (192, 320), (192, 224), 128),
}

# Depths of a halving module's branches: 1x1, 3x3; 1x1, 3x3, 3x3 (and a pool). Each
# comes before the module that it is written at.
REDUCTIONS = {
    "Mixed_4b": ("Mixed_4a", (128, 160), (64, 96)),
    "Mixed_5b": ("Mixed_5a", (128, 192), (192, 256)),
}

# Channels that the depthwise half of the stem makes of each colour.
STEM_MULTIPLIER = 8


@register(backbone_pb2.InceptionV2)
class InceptionV2(StagedNetwork):
    """Inception v2 with "same" padding and named stages.

    The stem is a separable 7x7 convolution with biases and no batch norm; batch norm
    elsewhere has no scale, since a convolution follows each ReLU. Layers are named as
    the scopes of the published TF-slim network, with "_" for "/".

    Args:
      depth_multiplier: factor on the depth of every convolution, above 0.
      min_depth: least depth of a convolution after multiplying.
      weights: "" for random ones, or the path of a file of Keras weights; Keras
        publishes none of this network.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces the network's
        own settings (batch-norm decay .99 and epsilon .001, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.

    Attributes:
      second_stage: None, or the `keras.Model` of the rest, Mixed_5a to Mixed_5c:
        [M, h, w, C] of C4 -> [M, h / 2, w / 2, C'], sizes rounded up.
    """

    def __init__(
        self,
        *,
        depth_multiplier=1.0,
        min_depth=16,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name="inception_v2")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        depth = functools.partial(
            scaled_depth, multiplier=depth_multiplier, min_depth=min_depth
        )
        network = keras_network.rebuild(
            _network(depth),
            name=self.name,
            edit=lambda layer, config: keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            ),
        )
        after = "C4" if second_stage else None
        self._read_stages(network, STAGES, second_stage_after=after)
        self._load_initial(weights, _no_donor)


def _no_donor():
    raise ValueError("Keras does not have Inception v2.")


def _network(depth):
    """The functional model; `depth` maps a layer's published depth to its own."""
    images = keras.Input([None, None, 3])
    x = _stem(images, depth)
    x = _pool(x, "MaxPool_2a_3x3")
    x = _conv(x, depth(64), 1, "Conv2d_2b_1x1")
    x = _conv(x, depth(192), 3, "Conv2d_2c_3x3")
    x = _pool(x, "MaxPool_3a_3x3")
    for name, depths in MODULES.items():
        if name in REDUCTIONS:
            x = _reduction(x, depth, *REDUCTIONS[name])
        x = _module(x, depth, name, *depths)
    return keras.Model(images, x, name="inception_v2")


def _stem(images, depth):
    """7x7, stride 2: depthwise, then 1x1."""
    name = "Conv2d_1a_7x7"
    x = keras.layers.SeparableConv2D(
        depth(64),
        7,
        strides=2,
        padding="same",
        # A separable convolution with more channels inside than out gains nothing.
        depth_multiplier=min(depth(64) // 3, STEM_MULTIPLIER),
        depthwise_initializer="he_normal",
        pointwise_initializer="he_normal",
        name=name,
    )(images)
    return keras.layers.Activation("relu", name=f"{name}_Relu")(x)


def _module(x, depth, name, first, second, third, fourth):
    """Four branches side by side, without change of size."""
    branch = f"{name}_Branch_"
    conv = f"{branch}{{}}_Conv2d_".format
    a = _conv(x, depth(first), 1, f"{conv(0)}0a_1x1")
    b = _conv(x, depth(second[0]), 1, f"{conv(1)}0a_1x1")
    b = _conv(b, depth(second[1]), 3, f"{conv(1)}0b_3x3")
    c = _conv(x, depth(third[0]), 1, f"{conv(2)}0a_1x1")
    c = _conv(c, depth(third[1]), 3, f"{conv(2)}0b_3x3")
    c = _conv(c, depth(third[1]), 3, f"{conv(2)}0c_3x3")
    # Only the very last module takes maxima.
    if name == "Mixed_5c":
        d = _pool(x, f"{branch}3_MaxPool_0a_3x3", strides=1)
    else:
        pool = f"{branch}3_AvgPool_0a_3x3"
        d = keras.layers.AveragePooling2D(3, 1, padding="same", name=pool)(x)
    d = _conv(d, depth(fourth), 1, f"{conv(3)}0b_1x1")
    return keras.layers.Concatenate(name=name)([a, b, c, d])


def _reduction(x, depth, name, first, second):
    """Three branches side by side that halve the map, rounding up."""
    conv = f"{name}_Branch_{{}}_Conv2d_".format
    a = _conv(x, depth(first[0]), 1, f"{conv(0)}0a_1x1")
    a = _conv(a, depth(first[1]), 3, f"{conv(0)}1a_3x3", strides=2)
    b = _conv(x, depth(second[0]), 1, f"{conv(1)}0a_1x1")
    b = _conv(b, depth(second[1]), 3, f"{conv(1)}0b_3x3")
    b = _conv(b, depth(second[1]), 3, f"{conv(1)}1a_3x3", strides=2)
    c = _pool(x, f"{name}_Branch_2_MaxPool_1a_3x3")
    return keras.layers.Concatenate(name=name)([a, b, c])


def _conv(x, filters, size, name, strides=1):
    """Convolution, batch norm, ReLU."""
    x = keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = keras.layers.BatchNormalization(scale=False, name=f"{name}_BatchNorm")(x)
    return keras.layers.Activation("relu", name=f"{name}_Relu")(x)


def _pool(x, name, strides=2):
    return keras.layers.MaxPooling2D(3, strides, padding="same", name=name)(x)
