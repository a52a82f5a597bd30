"""MobileNet v3 (Howard et al., ICCV 2019)."""

import copy

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core.multiples import divisible_by_8
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier
from od_api.protos import backbone_pb2

# The last block of the stages C2, C3, C4 of each size; C5 ends with the last
# convolution. C4_expanded is the wide map inside the block that follows C4.
LAST_BLOCKS = {"large": (2, 5, 11), "small": (0, 2, 7)}

# Share of a block's expanded depth that squeeze-and-excitation squeezes it to.
SQUEEZE = 0.25
# Depth of the last convolution, in depths of its input.
LAST_EXPANSION = 6


@register(backbone_pb2.MobilenetV3)
class MobilenetV3(StagedNetwork):
    """keras.applications' MobileNetV3Large or Small, "same" padding, named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 19, 10). Keras' weights
    fit, and for sizes whose maps are all even the function is the same.

    Args:
      size: "large" or "small".
      minimalistic: no squeeze-and-excitation, no 5x5 kernels, ReLU everywhere.
      depth_multiplier: factor on the depth of every layer, above 0; depths are rounded
        to multiples of 8.
      min_depth: least depth of a layer after multiplying.
      halved_top: what follows C4 has half the depth, as the paper has it for detection
        (section 6.4); these layers are random whatever `weights` says.
      weights: "" for random ones, "imagenet" (multipliers .75 and 1), or the path of a
        file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it, but for the activation,
        replaces Keras' own settings (batch-norm decay .999 and epsilon .001, no
        regulariser).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      second_stage: the network ends at C4, and the rest runs on crops of it.
      use_explicit_padding: convolutions of stride 2 see as many zeros on every side of
        an even map, where "same" has more on the last side.
    """

    def __init__(
        self,
        *,
        size="large",
        minimalistic=False,
        depth_multiplier=1.0,
        min_depth=8,
        halved_top=False,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        second_stage=False,
        use_explicit_padding=False,
    ):
        super().__init__(name=f"mobilenet_v3_{size}")
        if size not in LAST_BLOCKS:
            raise ValueError(f"size is {size!r}, and must be large or small")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        variant = (size, depth_multiplier, minimalistic)
        original = _keras_model(variant, None, (None, None, 3))
        first = LAST_BLOCKS[size][-1] + 1
        depths = _depths(original, min_depth, first if halved_top else None)
        edit = _edit(depths, conv_hyperparams, freeze_batch_norm)
        network = keras_network.rebuild(
            original,
            name=self.name,
            edit=edit,
            same_padding=True,
            explicit_padding=use_explicit_padding,
        )
        self._read_stages(
            network,
            _stages_of(network, LAST_BLOCKS[size]),
            second_stage_after="C4" if second_stage else None,
            optional=_top(network, first) if halved_top else (),
        )
        self._load_initial(
            weights, lambda: _keras_model(variant, "imagenet", (224, 224, 3))
        )


def _keras_model(variant, weights, input_shape):
    size, multiplier, minimalistic = variant
    make = getattr(keras.applications, f"MobileNetV3{size.capitalize()}")
    return make(
        input_shape=input_shape,
        alpha=multiplier,
        minimalistic=minimalistic,
        include_top=False,
        weights=weights,
        include_preprocessing=False,
    )


def _edit(depths, hyperparams, freeze_batch_norm):
    """The `edit` of `keras_network.rebuild`: {name: depth} and settings."""
    settings = _without_activation(hyperparams)

    def edit(layer, config):
        if layer.name in depths:
            config["filters"] = depths[layer.name]
        return keras_network.apply_settings(layer, config, settings, freeze_batch_norm)

    return edit


def _without_activation(hyperparams):
    """The settings without an activation: networks of two kinds of them keep theirs."""
    if hyperparams is None:
        return None
    settings = copy.copy(hyperparams)
    settings.explicit = hyperparams.explicit - {"activation"}
    return settings


def _block(number):
    """Keras' prefix of the names of a block's layers."""
    return f"expanded_conv_{number}_" if number else "expanded_conv_"


def _stages_of(network, last_blocks):
    """{level: (the layer that ends it, stride)}."""
    names = [layer.name for layer in network.layers]
    ends = []
    for number in last_blocks:
        added, projected = f"{_block(number)}add", f"{_block(number)}project_bn"
        ends.append(added if added in names else projected)
    # Keras counts activations up; they follow their batch norm.
    expanded = f"{_block(last_blocks[-1] + 1)}expand_bn"
    ends.append(names[names.index(expanded) + 1])
    levels = ("C2", "C3", "C4", "C4_expanded", "C5")
    strides = (4, 8, 16, 16, 32)
    return dict(zip(levels, zip([*ends, names[-1]], strides, strict=True), strict=True))


def _top(network, first_block):
    """Names of the layers that halving gives other shapes."""
    names = [layer.name for layer in network.layers]
    start = names.index(f"{_block(first_block)}project")
    return tuple(names[start:])


def _depths(network, min_depth, halved_from):
    """{name: depth} of every full convolution, with the least depth and halving.

    Args:
      network: Keras' own, whose expansions are factors of its depths.
      min_depth: of the convolutions that end a block, and of the first.
      halved_from: number of the first block that is half as deep; None: none is.
    """
    depths, old, new, expanded = {}, 0, 0, 0
    start = halved_from and f"{_block(halved_from)}project"
    halved = False
    for layer in network.layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        name, depth = layer.name, layer.filters
        if name.endswith("_expand"):
            depth = expanded = divisible_by_8(depth / old * new)
        elif name.endswith("squeeze_excite_conv"):
            depth = divisible_by_8(expanded * SQUEEZE)
        elif name.endswith("squeeze_excite_conv_1"):
            depth = expanded
        elif name == "conv_1":
            depth = divisible_by_8(new * LAST_EXPANSION)
        else:
            halved = halved or name == start
            old, depth = depth, divisible_by_8(depth / 2) if halved else depth
            depth = new = expanded = max(depth, min_depth)
        depths[name] = depth
    return depths
