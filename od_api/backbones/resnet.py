"""ResNet v1 with 50, 101 or 152 layers (He et al., CVPR 2016)."""

import keras

from od_api.backbones._stages import StagedNetwork
from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.deformable_conv import DeformableConv2D
from od_api.layers.depth import checked_multiplier, scaled_depth
from od_api.layers.imagenet_means import bgr_less_means
from od_api.protos import backbone_pb2

# Blocks of the stages C2..C5.
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

PLAIN_STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}


@register(backbone_pb2.Resnet)
class Resnet(StagedNetwork):
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
      second_stage: ends the stages at C4; conv5 is on its own.
      output_stride: 32, 16 or 8: of C5, or of C4 where the network ends there, where
        32 means 16. Each stride left out becomes a dilation of what follows, so that
        the same weights see the same field; where a map has a cell of the plain
        network's, the two are equal.
      second_stage_dilation: of conv5's 3x3 convolutions in the second stage.
      last_stage: "C5", or "C4" to leave conv5 out.
      second_stage_stride: of conv5 in the second stage: 1 as in the study, or 2 as in
        the old API's TensorFlow 2 models, without dilation.
      deformable_stages: of C2 to C5: their 3x3 convolutions are deformable (Dai et al.,
        ICCV 2017), the second stage's too.
      deformable_groups: of channels that have offsets of their own.
      deformable_modulation: every tap has a factor as well (Zhu et al., CVPR 2019).
      old_padding: the first pool pads as slim and the old API did ("same": at the end
        of a map of even size), which their weights rely on. Their convolutions had no
        biases: those here keep their values.
      old_slim_override: conv_hyperparams leave ReLU behind the sums of blocks, and
        batch norm's decay .997 and epsilon 1e-5, as they did those of slim.
      trident: a Trident: one stage in branches of several dilations.

    Attributes:
      old_padding: as given.
      second_stage: conv5 as a `keras.Model`, [M, h, w, C] -> [M, h, w, 2 C], if it was
        asked for; else None.
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
        second_stage=False,
        output_stride=32,
        second_stage_dilation=1,
        last_stage="C5",
        second_stage_stride=1,
        deformable_stages=(),
        deformable_groups=1,
        deformable_modulation=False,
        old_padding=False,
        old_slim_override=False,
        trident=None,
    ):
        super().__init__(name=f"resnet{depth}")
        if depth not in BLOCKS:
            raise ValueError(f"depth is {depth}, and must be one of 50, 101, 152")
        depth_multiplier = checked_multiplier(depth_multiplier, min_depth)
        if last_stage not in ("C4", "C5") or (second_stage and last_stage == "C4"):
            raise ValueError('last_stage is "C5", or "C4" without a second stage')
        ranges.between(
            "second_stage_dilation", second_stage_dilation, 1, ranges.MOST_CELLS
        )
        if second_stage_stride not in (1, 2):
            raise ValueError(
                f"second_stage_stride is {second_stage_stride}, and must be 1 or 2"
            )
        dilations = _dilations(
            output_stride, second_stage_dilation if second_stage else None, last_stage
        )
        halves = second_stage and second_stage_stride == 2
        if halves and dilations.pop("conv5_") != 1:
            raise ValueError("second_stage_dilation goes with second_stage_stride 1")

        deforms = _deforming(
            deformable_stages, deformable_groups, deformable_modulation
        )

        def edit(layer, config):
            if "filters" in config:
                config["filters"] = scaled_depth(
                    config["filters"], depth_multiplier, min_depth
                )
            _dilate(layer.name, config, dilations)
            if old_padding and layer.name == "pool1_pad":
                return keras.layers.Identity(name=layer.name)
            if old_padding and layer.name == "pool1_pool":
                config["padding"] = "same"
            keeps = old_slim_override and _keeps_settings(layer, config)
            settings = None if keeps else conv_hyperparams
            other = keras_network.apply_settings(
                layer, config, settings, freeze_batch_norm
            )
            other = deforms(layer, config) or other
            if trident is None:
                return other
            return other or trident.layer(layer, config)

        network = keras_network.rebuild(
            _keras_model(depth, None, (None, None, 3)), name=self.name, edit=edit
        )
        if old_padding:
            _keep_biases(network)
        levels = PLAIN_STRIDES if last_stage == "C5" else ("C2", "C3", "C4")
        stages = {
            level: (
                f"conv{level[1]}_block{blocks}_out",
                min(PLAIN_STRIDES[level], output_stride),
            )
            for level, blocks in zip(levels, BLOCKS[depth], strict=False)
        }
        after = "C4" if second_stage else None
        self._read_stages(network, stages, second_stage_after=after)
        self.old_padding = old_padding
        if trident is not None:
            low_rank = conv_hyperparams is not None and conv_hyperparams.low_rank
            _check_branched(trident.stage, self.levels, deformable_stages, low_rank)
            self.branches = trident.branches
        self._trident = trident
        self._load_initial(
            weights, lambda: _keras_model(depth, "imagenet", (224, 224, 3))
        )

    def call(self, images, training=False):
        """[B, H, W, 3] normalised -> {level: [B, h, w, C]}, finest first.

        With branches B images have a row for each that runs, branch after branch.
        """
        maps = super().call(images, training=training)
        return maps if self._trident is None else self._trident.spread(maps, training)

    def normalize(self, images):
        """[B, H, W, 3] RGB, 0..255 -> BGR less the ImageNet means, float32.

        The old API kept RGB, for weights trained that way: reading such weights here
        means to reverse the input channels of the first kernel.
        """
        return bgr_less_means(images)


def _keeps_settings(layer, config):
    """Whether slim's override did not reach a layer; batch norm gets slim's numbers."""
    if isinstance(layer, keras.layers.BatchNormalization):
        config.update(momentum=0.997, epsilon=1e-5)
        return True
    return layer.name.endswith("_out")


def _keep_biases(network):
    for layer in network.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.trainable = False


def _keras_model(depth, weights, input_shape):
    make = getattr(keras.applications, f"ResNet{depth}")
    return make(input_shape=input_shape, include_top=False, weights=weights)


def _dilations(output_stride, second_stage_dilation, last_stage):
    """{prefix of layers: dilation} of the stages whose stride is left out."""
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride is {output_stride}, and must be 8, 16 or 32")
    dilations = {"conv4_": 2} if output_stride == 8 else {}
    if second_stage_dilation is not None:
        dilations["conv5_"] = second_stage_dilation
    elif output_stride < 32 and last_stage == "C5":
        dilations["conv5_"] = 32 // output_stride
    return dilations


def _dilate(layer_name, config, dilations):
    """Takes the stride from a stage's convolutions and spreads its 3x3 kernels.

    Keras has the stride in the 1x1 convolution that opens a stage: all 3x3 kernels of
    the stage, the first one's too, come after it.
    """
    for prefix, dilation in dilations.items():
        if layer_name.startswith(prefix) and "kernel_size" in config:
            config["strides"] = (1, 1)
            if tuple(config["kernel_size"]) == (3, 3):
                config["dilation_rate"] = (dilation, dilation)


def _check_branched(stage, levels, deformable, low_rank):
    problem = None
    if stage not in levels:
        problem = f"{stage} is no map of the backbone, which has {', '.join(levels)}"
    elif stage in deformable:
        problem = f"the convolutions of {stage} are deformable, and not dilated"
    elif low_rank:
        problem = f"conv_hyperparams.low_rank has no dilated convolutions for {stage}"
    if problem:
        raise ConfigError(problem, "trident.stage")


def _deforming(stages, groups, modulated):
    """(layer, config) -> the deformable convolution in a layer's place, or None."""
    unknown = [name for name in stages if name not in PLAIN_STRIDES]
    if unknown:
        raise ranges.RangeError(
            "deformable_stages",
            f"deformable_stages: {unknown[0]!r} is none of {', '.join(PLAIN_STRIDES)}",
        )
    ranges.at_least("deformable_groups", groups, 1, ranges.MOST_CHANNELS)
    prefixes = tuple(f"conv{name[1]}_" for name in stages)

    def deforms(layer, config):
        if not prefixes or not layer.name.startswith(prefixes):
            return None
        if tuple(config.get("kernel_size", ())) != (3, 3):
            return None
        kept = ("filters", "kernel_size", "strides", "dilation_rate", "use_bias")
        kept += ("kernel_initializer", "kernel_regularizer", "name")
        return DeformableConv2D(
            groups=groups, modulated=modulated, **{name: config[name] for name in kept}
        )

    return deforms
