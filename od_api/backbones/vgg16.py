"""VGG with 16 layers (Simonyan and Zisserman, ICLR 2015)."""

import functools

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core.registry import register
from od_api.layers import keras_network, keras_weights
from od_api.layers.conv_hyperparams import ACTIVATIONS
from od_api.layers.depth import checked_multiplier, scaled_depth
from od_api.layers.imagenet_means import bgr_less_means
from od_api.protos import backbone_pb2

# Last convolutions of the blocks 3, 4, 5 (conv3_3, conv4_3, conv5_3 in the paper), and
# their strides; then the two ways to go on.
STAGES = {
    "C2": ("block3_conv3", 4),
    "C3": ("block4_conv3", 8),
    "C4": ("block5_conv3", 16),
}
PLAIN_END = {"C5": ("block5_pool", 32)}
SSD_END = {"C4_fc7": ("fc7", 16)}

# fc6 as Liu et al. (ECCV 2016) made a convolution of it: 3x3 cells, 6 apart, stand for
# the 7x7 (7 pixels apart before pool5 lost its stride), and 1024 channels for 4096.
FC6_DILATION, FC_CONV_DEPTH = 6, 1024

# Crops that fc6 takes: 7x7 cells, and the depth of fc6 and fc7.
CROP_SIZE, FC_DEPTH = 7, 4096

FULLY_CONNECTED = ("fc1", "fc2", "fc6", "fc7")


@register(backbone_pb2.Vgg16)
class Vgg16(StagedNetwork):
    """keras.applications' VGG16 with "same" padding and named stages; no batch norm.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10), where Keras' own
    would lose its border.

    Args:
      depth_multiplier: factor on the depth of every layer, above 0.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (no regulariser, ReLU).
      fc_as_convolutions: stages C2, C3, C4 and C4_fc7, for SSD: pool5 is 3x3 with
        stride 1, fc6 a 3x3 convolution with dilation 6 and fc7 a 1x1 one, of 1024
        channels each. Keras' files have no weights for these two.
      second_stage: ends the stages at C4.

    Attributes:
      second_stage: fc6 and fc7 as a `keras.Model`, [M, 7, 7, 512] -> [M, 1, 1, 4096],
        if they were asked for; else None. They stay random with a file that was
        saved without them.
    """

    def __init__(
        self,
        *,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        fc_as_convolutions=False,
        second_stage=False,
    ):
        super().__init__(name="vgg16")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        _check(conv_hyperparams, fc_as_convolutions, second_stage)

        def edit(layer, config):
            for key in {"filters", "units"} & set(config):
                config[key] = scaled_depth(config[key], depth_multiplier, min_depth)
            explicit = () if conv_hyperparams is None else conv_hyperparams.explicit
            if "activation" in set(config) & set(explicit):
                config["activation"] = ACTIVATIONS[conv_hyperparams.activation]
            return keras_network.apply_settings(layer, config, conv_hyperparams, False)

        rebuild = functools.partial(
            keras_network.rebuild, name=self.name, edit=edit, same_padding=True
        )
        network = rebuild(_with_fc() if fc_as_convolutions else _keras_model(None))
        ends = STAGES | (SSD_END if fc_as_convolutions else PLAIN_END)
        if second_stage:
            del ends["C5"]
        self._read_stages(network, ends)
        self.second_stage = (
            rebuild(_fully_connected(self.channels["C4"])) if second_stage else None
        )
        donor = functools.cache(lambda: _keras_model("imagenet", top=second_stage))
        for part in self._parts():
            keras_weights.load_initial(part, weights, donor, FULLY_CONNECTED)

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> BGR less the ImageNet means, float32."""
        return bgr_less_means(images)

    def load_weights(self, path):
        """Takes the weights of a file; see `keras_weights.load_file`."""
        for part in self._parts():
            keras_weights.load_file(part, path, FULLY_CONNECTED)

    def _parts(self):
        return [p for p in (self.network, self.second_stage) if p is not None]


def _check(hyperparams, fc_as_convolutions, second_stage):
    if fc_as_convolutions and second_stage:
        raise ValueError(
            "fc_as_convolutions is for SSD and second_stage for Faster R-CNN; set one"
        )
    if hyperparams is not None and hyperparams.normalizer is not None:
        raise ValueError(
            "VGG-16 has no batch norm: remove the normaliser from conv_hyperparams"
        )


def _keras_model(weights, top=False):
    return keras.applications.VGG16(
        input_shape=(224, 224, 3) if top else (None, None, 3),
        include_top=top,
        weights=weights,
    )


def _with_fc():
    """The network to conv5_3, then pool5, fc6 and fc7 as SSD has them."""
    network = _keras_model(None)
    x = network.get_layer("block5_conv3").output
    x = keras.layers.MaxPooling2D(3, 1, padding="same", name="pool5")(x)
    for name, size, dilation in (("fc6", 3, FC6_DILATION), ("fc7", 1, 1)):
        x = keras.layers.Conv2D(
            FC_CONV_DEPTH,
            size,
            dilation_rate=dilation,
            padding="same",
            activation="relu",
            name=name,
        )(x)
    return keras.Model(network.inputs, x)


def _fully_connected(depth):
    """fc6 and fc7 on crops; the layers' names are those of keras.applications."""
    crops = keras.Input((CROP_SIZE, CROP_SIZE, depth))
    x = keras.layers.Flatten(name="flatten")(crops)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(FC_DEPTH, activation="relu", name=name)(x)
    x = keras.layers.Reshape((1, 1, -1), name="cells")(x)
    return keras.Model(crops, x, name="vgg16_second_stage")
