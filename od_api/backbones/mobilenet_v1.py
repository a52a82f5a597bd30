"""MobileNet v1 (Howard et al., arXiv 1704.04861)."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.depth import checked_multiplier, scaled_depth
from od_api.protos import backbone_pb2

# Outputs of Conv2d_3, 5, 11 and 13 in the paper's numbering, and their strides.
STAGES = {
    "C2": ("conv_pw_3_relu", 4),
    "C3": ("conv_pw_5_relu", 8),
    "C4": ("conv_pw_11_relu", 16),
    "C5": ("conv_pw_13_relu", 32),
}

LAST_DEPTHS = (1024, 1024)

# Stride 16 to the end: what Conv2d_12 no longer skips, Conv2d_13 reaches across.
ATROUS = {
    "conv_dw_12": {"strides": (1, 1)},
    "conv_dw_13": {"dilation_rate": (2, 2)},
}


@register(backbone_pb2.MobilenetV1)
class MobilenetV1(StagedNetwork):
    """keras.applications' MobileNet with "same" padding and named stages.

    A map of odd size is halved upwards (300 px: 75, 38, 19, 10), as the study has it.
    Keras' own would lose its border (18 and 9); its weights fit, and for sizes whose
    maps are all even the function is the same.

    Args:
      depth_multiplier: factor on the depth of every layer, above 0.
      min_depth: least depth of a layer after multiplying.
      weights: "" for random ones, "imagenet" (multipliers .25, .5, .75 and 1), or the
        path of a file of Keras weights.
      conv_hyperparams: a `ConvHyperparams`; what is set in it replaces Keras' own
        settings (batch-norm decay .99 and epsilon .001, no regulariser, ReLU6).
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      last_depths: depths of Conv2d_12 and Conv2d_13 before multiplying; empty means
        1024 and 1024. Others leave these two blocks random whatever `weights` says.
      output_stride: 32, or 16 for C5 (or the second stage) at the stride of C4.
      old_depth_multiplier: depths but `last_depths` are multiplied twice, as the old
        API's TensorFlow 2 models did.
      use_explicit_padding: convolutions of stride 2 see one zero on every side of an
        even map, where "same" has one on the last side alone.
    """

    def __init__(
        self,
        *,
        depth_multiplier=1.0,
        min_depth=8,
        weights="",
        conv_hyperparams=None,
        freeze_batch_norm=False,
        last_depths=(),
        second_stage=False,
        output_stride=32,
        old_depth_multiplier=False,
        use_explicit_padding=False,
    ):
        super().__init__(name="mobilenet_v1")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        if len(last_depths) not in (0, 2):
            raise ValueError("last_depths are two: of Conv2d_12 and of Conv2d_13")
        ranges.at_least("last_depths", last_depths, 1, ranges.MOST_CHANNELS)
        if output_stride not in (16, 32):
            raise ValueError(f"output_stride is {output_stride}, and must be 16 or 32")
        new_depths = _new_depths(last_depths, old_depth_multiplier)
        again = depth_multiplier if old_depth_multiplier else 1.0

        def edit(layer, config):
            if layer.name in new_depths:
                depth = new_depths[layer.name]
                config["filters"] = scaled_depth(depth, depth_multiplier, min_depth)
            elif "filters" in config:
                config["filters"] = scaled_depth(config["filters"], again, min_depth)
            if output_stride == 16:
                config.update(ATROUS.get(layer.name, {}))
            return keras_network.apply_settings(
                layer, config, conv_hyperparams, freeze_batch_norm
            )

        network = keras_network.rebuild(
            _keras_model(depth_multiplier, None, (None, None, 3)),
            name=self.name,
            edit=edit,
            same_padding=True,
            explicit_padding=use_explicit_padding,
        )
        self._read_stages(
            network,
            {name: (x, min(s, output_stride)) for name, (x, s) in STAGES.items()},
            second_stage_after="C4" if second_stage else None,
            optional=_changed_layers(last_depths),
        )
        self._load_initial(
            weights, lambda: _keras_model(depth_multiplier, "imagenet", (224, 224, 3))
        )


def _new_depths(last_depths, as_of_old):
    """{name: depth before multiplying} of the layers that do not follow Keras'."""
    if as_of_old and not last_depths:
        return {}
    return dict(
        zip(("conv_pw_12", "conv_pw_13"), last_depths or LAST_DEPTHS, strict=True)
    )


def _keras_model(depth_multiplier, weights, input_shape):
    return keras.applications.MobileNet(
        input_shape=input_shape,
        alpha=depth_multiplier,
        include_top=False,
        weights=weights,
    )


def _changed_layers(last_depths):
    """Names of the layers that other last depths than the paper's give other shapes."""
    if tuple(last_depths or LAST_DEPTHS) == LAST_DEPTHS:
        return ()
    layers = ("conv_pw_12", "conv_dw_13", "conv_pw_13")
    return layers + tuple(f"{name}_bn" for name in layers)
