"""ResNet v1 with 50, 101 or 152 layers (He et al., CVPR 2016)."""

import keras
import tensorflow as tf

from od_api.core.registry import register
from od_api.layers import keras_network, keras_weights
from od_api.layers.depth import scaled_depth
from od_api.protos import backbone_pb2

# Blocks of the stages C2..C5.
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

# Keras' ImageNet weights expect BGR images less these means.
BGR_MEANS = (103.939, 116.779, 123.68)


@register(backbone_pb2.Resnet)
class Resnet(keras.layers.Layer):
    """keras.applications' ResNet with named stages.

    Its explicit padding is kept: unlike MobileNet's it gives maps of the sizes that
    "same" padding gives (300 px: 75, 38, 19, 10), and the weights rely on it.

    Args:
      depth: 50, 101 or 152 layers.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon 1.001e-5, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      depth_multiplier: factor on the depth of every convolution, above 0.
      min_depth: least depth of a convolution after multiplying.

    Attributes:
      strides: {stage: input pixels a cell}, finest stage first.
      channels: {stage: depth}.
      network: the `keras.Model` inside.
    """

    def __init__(
        self,
        *,
        depth=50,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        depth_multiplier=1.0,
        min_depth=8,
    ):
        super().__init__(name=f"resnet{depth}")
        if depth not in BLOCKS:
            raise ValueError(f"depth is {depth}, and must be one of 50, 101, 152")
        if depth_multiplier <= 0:
            raise ValueError(f"depth_multiplier is {depth_multiplier}, and must be > 0")
        # A float of the schema has 7 digits: .35 arrives as .349999994.
        depth_multiplier = round(depth_multiplier, 6)

        def edit(layer, config):
            if "filters" in config:
                config["filters"] = scaled_depth(
                    config["filters"], depth_multiplier, min_depth
                )
            return keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        network = keras_network.rebuild(
            _keras_model(depth, None, (None, None, 3)), name=self.name, edit=edit
        )
        keras_weights.load_initial(
            network, weights, lambda: _keras_model(depth, "imagenet", (224, 224, 3))
        )
        stages = zip(range(2, 6), BLOCKS[depth], strict=True)
        ends = [f"conv{stage}_block{blocks}_out" for stage, blocks in stages]
        self.network = keras_network.stages(network, ends)
        self.strides = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
        outputs = self.network.outputs
        self.channels = {
            n: x.shape[-1] for n, x in zip(self.strides, outputs, strict=True)
        }

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> BGR less the ImageNet means, float32.

        The old API kept RGB, for weights trained that way: reading such weights here
        means to reverse the input channels of the first kernel.
        """
        return tf.cast(images, tf.float32)[..., ::-1] - tf.constant(BGR_MEANS)

    def call(self, images, training=False):
        """[B, H, W, 3] normalised -> {stage: [B, h, w, C]}, finest first."""
        maps = self.network(images, training=training)
        return dict(zip(self.strides, maps, strict=True))

    def load_weights(self, path):
        """Takes the weights of a file; see `keras_weights.load_file`."""
        keras_weights.load_file(self.network, path)


def _keras_model(depth, weights, input_shape):
    make = getattr(keras.applications, f"ResNet{depth}")
    return make(input_shape=input_shape, include_top=False, weights=weights)
