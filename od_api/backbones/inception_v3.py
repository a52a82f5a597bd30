"""Inception v3 (Szegedy et al., CVPR 2016)."""

import functools

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier, scaled_depth
from od_api.protos import backbone_pb2

# The layer that ends each stage, and its stride: the convolution before the second
# pool, and Mixed_5d, Mixed_6e and Mixed_7c of the published TF-slim network.
STAGES = {
    "C2": ("activation_4", 4),
    "C3": ("mixed2", 8),
    "C4": ("mixed7", 16),
    "C5": ("mixed10", 32),
}


@register(backbone_pb2.InceptionV3)
class InceptionV3(StagedNetwork):
    """keras.applications' InceptionV3 with "same" padding and named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10), as the study has it;
    Keras' own loses its border at every step (71, 35, 17, 8). Its weights fit.

    Args:
      depth_multiplier: factor on the depth of every convolution, above 0.
      min_depth: least depth of a convolution after multiplying.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon .001, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.

    Attributes:
      second_stage: None, or the `keras.Model` of the rest, Mixed_7a to Mixed_7c:
        [M, h, w, C] of C4 -> [M, (h - 1) / 2, (w - 1) / 2, C'], sizes rounded down. Its
        reduction has no padding, as in the published code, since a crop (17x17) has no
        border to keep; on a whole map of even size it loses the last row and column.
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
        super().__init__(name="inception_v3")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        network = _network(
            self.name,
            functools.partial(
                scaled_depth, multiplier=depth_multiplier, min_depth=min_depth
            ),
            functools.partial(
                keras_network.apply_settings,
                hyperparams=conv_hyperparams,
                freeze_batch_norm=freeze_batch_norm,
            ),
            second_stage,
        )
        self._read_stages(
            network,
            STAGES,
            second_stage_after="C4" if second_stage else None,
            in_order=True,
        )
        self._load_initial(weights, lambda: _keras_model("imagenet", (299, 299, 3)))


def _network(name, depth, settings, second_stage):
    """The functional model; `depth` maps a published depth to ours, `settings` edits
    a layer."""
    original = _keras_model(None, (None, None, 3))
    keras_network.number_layers(original)
    on_crops = set()
    if second_stage:
        on_crops.update(keras_network.names_after(original, STAGES["C4"][0]))

    def edit(layer, config):
        if layer.name in on_crops and getattr(layer, "padding", "") == "valid":
            config["padding"] = "valid"
        if "filters" in config:
            config["filters"] = depth(config["filters"])
        return settings(layer, config)

    return keras_network.rebuild(original, name=name, edit=edit, same_padding=True)


def _keras_model(weights, input_shape):
    return keras.applications.InceptionV3(
        input_shape=input_shape, include_top=False, weights=weights
    )
