"""Inception-ResNet v2 (Szegedy et al., AAAI 2017)."""

import functools

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier, scaled_depth
from od_api.layers.dilated_max_pooling import DilatedMaxPooling2D
from od_api.protos import backbone_pb2

# The layer that ends each stage, and its stride in the plain network. C4 is Mixed_6a
# with its residual blocks, C5 the last convolution, Conv2d_7b.
STAGES = {
    "C2": ("activation_4", 4),
    "C3": ("block35_10_ac", 8),
    "C4": ("block17_20_ac", 16),
    "C5": ("conv_7b_ac", 32),
}

# The module that each of the last stages starts with, which halves the map.
REDUCTIONS = {"C4": "mixed_6a", "C5": "mixed_7a"}

# Depths of the modules' branches; those of a reduction come beside its input.
MIXED_5B = (96, 64, 96, 64)
MIXED_6A = (384, 384)
MIXED_7A = (384, 288, 320)


@register(backbone_pb2.InceptionResnetV2)
class InceptionResnetV2(StagedNetwork):
    """keras.applications' InceptionResNetV2 with "same" padding and named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10), as the study has it;
    Keras' own loses its border at every step (71, 35, 17, 8). Its weights fit.

    An output stride below 32 takes the stride out of the last reductions and spreads
    the kernels after them instead, 2 or 4 cells apart (Chen et al., arXiv 1606.00915):
    every second or fourth cell of the larger map is then a cell of the plain one.

    Args:
      depth_multiplier: factor on the depth of every convolution, above 0.
      min_depth: least depth of a convolution after multiplying.
      weights: "" for random ones, "imagenet", or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon .001, no regulariser, ReLU).
      freeze_batch_norm: batch norm keeps its statistics and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
      output_stride: 32, 16 or 8; of the last stage, or of C4 if there is a second
        stage (32 then means 16, and the second stage is the plain one).
      second_stage_same_padding: the second stage halves its maps upwards.

    Attributes:
      second_stage: None, or the `keras.Model` of the rest, Mixed_7a to Conv2d_7b:
        [M, h, w, C] of C4 -> [M, (h - 1) / 2, (w - 1) / 2, C'], sizes rounded down. Its
        reduction has no padding, as in the published code, since a crop (17x17) has no
        border to keep; on a whole map of even size it loses the last row and column.
        With `second_stage_same_padding` sizes are rounded up: (h + 1) / 2.
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
        output_stride=32,
        second_stage_same_padding=False,
    ):
        super().__init__(name="inception_resnet_v2")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride is {output_stride}, and not 8, 16 or 32")
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
            output_stride,
            second_stage_same_padding,
        )
        self._read_stages(
            network,
            {name: (x, min(s, output_stride)) for name, (x, s) in STAGES.items()},
            second_stage_after="C4" if second_stage else None,
            in_order=True,
        )
        self._load_initial(weights, lambda: _keras_model("imagenet", (299, 299, 3)))


def _network(name, depth, settings, second_stage, output_stride, same_padding):
    """The functional model; `depth` maps a published depth to ours, `settings` edits
    a layer."""
    original = _keras_model(None, (None, None, 3))
    keras_network.number_layers(original)
    residual = _residual_depths(depth)
    dilations = _dilations(original, output_stride, second_stage)
    on_crops = set()
    if second_stage and not same_padding:
        on_crops.update(keras_network.names_after(original, STAGES["C4"][0]))

    def edit(layer, config):
        if layer.name in on_crops and getattr(layer, "padding", "") == "valid":
            config["padding"] = "valid"
        if "filters" in config:
            block = layer.name.partition("_")[0]
            config["filters"] = residual.get(block) or depth(config["filters"])
        pool = _spread_out(layer, config, *dilations.get(layer.name, (True, 1)))
        return pool or settings(layer, config)

    return keras_network.rebuild(original, name=name, edit=edit, same_padding=True)


def _keras_model(weights, input_shape):
    return keras.applications.InceptionResNetV2(
        input_shape=input_shape, include_top=False, weights=weights
    )


def _residual_depths(depth):
    """{block: depth of the convolution whose output is added to the block's input}."""
    block35 = sum(map(depth, MIXED_5B))
    block17 = sum(map(depth, MIXED_6A)) + block35
    block8 = sum(map(depth, MIXED_7A)) + block17
    return {"block35": block35, "block17": block17, "block8": block8}


def _dilations(network, output_stride, second_stage):
    """{layer: (whether its stage's reduction keeps its stride, dilation)}, after C3."""
    keeps = {"C4": output_stride >= 16, "C5": second_stage or output_stride == 32}
    found, stage, dilation = {}, "C4", 1
    for name in keras_network.names_after(network, STAGES["C3"][0]):
        found[name] = keeps[stage], dilation
        if name == REDUCTIONS[stage] and not keeps[stage]:
            dilation *= 2
        if name == STAGES["C4"][0]:
            stage = "C5"
            dilation = 1 if second_stage else dilation
    return found


def _spread_out(layer, config, keeps_stride, dilation):
    """Edits a layer for the finer map that it runs on, or returns one in its place."""
    if not keeps_stride and "strides" in config:
        config["strides"] = (1, 1)
    if dilation == 1:
        return None
    if isinstance(layer, keras.layers.MaxPooling2D):
        return DilatedMaxPooling2D(
            dilation=dilation, name=layer.name, dtype=config["dtype"]
        )
    if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size != (1, 1):
        config["dilation_rate"] = (dilation, dilation)
    return None
