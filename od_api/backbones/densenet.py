"""DenseNet with 121, 169 or 201 layers (Huang et al., CVPR 2017)."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.imagenet_means import less_means_by_deviations
from od_api.protos import backbone_pb2

DEPTHS = (121, 169, 201)
# What the transitions read, and the end.
ENDS = {
    "C2": ("pool2_relu", 4),
    "C3": ("pool3_relu", 8),
    "C4": ("pool4_relu", 16),
    "C5": ("relu", 32),
}


@register(backbone_pb2.Densenet)
class Densenet(StagedNetwork):
    """keras.applications' DenseNet with named stages: every layer reads all before it.

    Keras' explicit padding is kept, and its pools of 2x2 cells keep a border: a map of
    odd size is halved upwards (300 px: 75, 38, 19, 10).

    Args:
      depth: 121, 169 or 201 layers.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon 1.001e-5, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
    """

    def __init__(
        self,
        *,
        depth=121,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
    ):
        super().__init__(name=f"densenet{depth}")
        if depth not in DEPTHS:
            raise ranges.RangeError(
                "depth", f"depth is {depth}, and must be 121, 169 or 201"
            )

        def edit(layer, config):
            if isinstance(layer, keras.layers.AveragePooling2D):
                config["padding"] = "same"
            return keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        network = keras_network.rebuild(
            _keras_model(depth, None, (None, None, 3)), name=self.name, edit=edit
        )
        self._read_stages(
            network, ENDS, second_stage_after="C4" if second_stage else None
        )
        self._load_initial(
            weights, lambda: _keras_model(depth, "imagenet", (224, 224, 3))
        )

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> less ImageNet's means, by its deviations."""
        return less_means_by_deviations(images)


def _keras_model(depth, weights, input_shape):
    make = getattr(keras.applications, f"DenseNet{depth}")
    return make(input_shape=input_shape, include_top=False, weights=weights)
