"""MobileNet v2 (Sandler et al., CVPR 2018)."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier
from od_api.protos import backbone_pb2

# The layer that ends each stage (the first of the names that the network has: a block
# whose depth changes has no shortcut to add), and its stride. C4_expanded is the wide
# map inside the first block of stride 32, which SSD reads instead of C4.
STAGES = {
    "C2": (("block_2_add", "block_2_project_BN"), 4),
    "C3": (("block_5_add", "block_5_project_BN"), 8),
    "C4": (("block_12_add", "block_12_project_BN"), 16),
    "C4_expanded": (("block_13_expand_relu",), 16),
    "C5": (("out_relu",), 32),
}

# C5 without the last convolution.
NARROW_TOP = (("block_16_project_BN",), 32)

# Depth of a block's first convolution, in depths of its input.
EXPANSION = 6


@register(backbone_pb2.MobilenetV2)
class MobilenetV2(StagedNetwork):
    """keras.applications' MobileNetV2 with "same" padding and named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10). Keras' weights fit,
    and for sizes whose maps are all even the function is the same.

    Args:
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8, as in the paper.
      min_depth: least depth of a layer after multiplying (a block's first convolution
        always has 6 times the depth of its input).
      weights: "" for random ones, "imagenet" (multipliers .35, .5, .75, 1, 1.3 and
        1.4), or the path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .999 and epsilon .001, no regulariser, ReLU6).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      last_depth: depth of the last convolution as it is; 0 means 1280, times a
        multiplier above 1. Another depth leaves it random whatever `weights` says.
      second_stage: the network ends at C4, and the rest runs on crops of it.
      use_explicit_padding: convolutions of stride 2 see one zero on every side of an
        even map, where "same" has one on the last side alone.
      narrow_top: C5 is what the last convolution would widen, 320 channels times the
        multiplier; `last_depth` is then without effect.

    Attributes:
      second_stage: None, or the `keras.Model` of the rest, block 13 to the last
        convolution: [M, h, w, C] of C4 -> [M, h / 2, w / 2, C'], sizes rounded up.
    """

    def __init__(
        self,
        *,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        last_depth=0,
        second_stage=False,
        use_explicit_padding=False,
        narrow_top=False,
    ):
        super().__init__(name="mobilenet_v2")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        ranges.at_least("last_depth", last_depth, 0, ranges.MOST_CHANNELS)
        original = _keras_model(depth_multiplier, None, (None, None, 3))
        depths = _depths(original, min_depth, last_depth)

        def edit(layer, config):
            if layer.name in depths:
                config["filters"] = depths[layer.name]
            return keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        network = keras_network.rebuild(
            original,
            name=self.name,
            edit=edit,
            same_padding=True,
            explicit_padding=use_explicit_padding,
        )
        stages = _stages_of(network, narrow_top)
        optional = ("Conv_1", "Conv_1_bn") if last_depth else ()
        after = "C4" if second_stage else None
        self._read_stages(network, stages, second_stage_after=after, optional=optional)
        self._load_initial(
            weights, lambda: _keras_model(depth_multiplier, "imagenet", (224, 224, 3))
        )


def _stages_of(network, narrow_top):
    """{level: (the layer that ends it, stride)}; names depend on the depths."""
    present = {layer.name for layer in network.layers}
    ends = STAGES | ({"C5": NARROW_TOP} if narrow_top else {})
    return {
        level: (next(n for n in names if n in present), stride)
        for level, (names, stride) in ends.items()
    }


def _keras_model(depth_multiplier, weights, input_shape):
    return keras.applications.MobileNetV2(
        input_shape=input_shape,
        alpha=depth_multiplier,
        include_top=False,
        weights=weights,
    )


def _depths(network, min_depth, last_depth):
    """{name: depth} of every full convolution, the least depth applied."""
    depths, incoming = {}, 0
    for layer in network.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        if layer.name.endswith("_expand"):
            depths[layer.name] = EXPANSION * incoming
        else:
            depths[layer.name] = incoming = max(layer.filters, min_depth)
    depths["Conv_1"] = last_depth or depths["Conv_1"]
    return depths
