"""The light scratch network of LRF-Net (Wang et al., ICCV 2019), beside a backbone."""

import functools

import keras

from od_api.backbones._own_network import Blocks
from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import register
from od_api.layers import keras_network
from od_api.layers.map_source import MapSource
from od_api.protos import backbone_pb2

# Of the finest map, which pools of 2x2 cells bring the image to.
STRIDE, POOLS = 8, 3
DEFAULT_LEVELS = ("C3", "C4", "C5")


@register(backbone_pb2.LightScratch)
class LightScratch(MapSource):
    """A shallow network on the shrunk image, whose maps weigh those of a backbone.

    Three pools bring the image to stride 8; a 3x3, a 1x1 and a 3x3 convolution of a
    quarter of the channels and a 1x1 one make the first map, and a 3x3 one of stride 2
    behind the quarter, and a 1x1 one, each further map. The backbone's map is
    multiplied by its own. These layers never have weights from files. Maps are halved
    upwards (300 px: 38, 19, 10). Source: Wang et al., Learning Rich Features at
    High-Speed for Single-Shot Object Detection, ICCV 2019, section 3.1.

    Args:
      backbone: the backbone.
      levels: maps of it that are multiplied, of stride 8, 16, ..., each the double of
        the one before; empty: C3, C4, C5.
      extra_depths: channels of further maps of the shallow network alone, S1, S2, ...
      conv_hyperparams: a `ConvHyperparams` of the shallow network; what is set in it
        replaces its own settings (batch-norm decay .9 and epsilon 1e-5, no
        regulariser, ReLU).
      freeze_batch_norm: the shallow network's keeps its statistics, scale and offset.

    Attributes:
      network: the shallow network, a `keras.Model`.
    """

    def __init__(
        self,
        *,
        backbone,
        levels=(),
        extra_depths=(),
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__(name="light_scratch")
        self.backbone = backbone
        self._gated = tuple(levels) or DEFAULT_LEVELS
        _check(backbone, self._gated)
        ranges.between("extra_depths", extra_depths, 4, ranges.MOST_CHANNELS)
        depths = {level: backbone.channels[level] for level in self._gated}
        extra = {f"S{i}": depth for i, depth in enumerate(extra_depths, start=1)}
        edit = functools.partial(
            keras_network.apply_settings,
            hyperparams=conv_hyperparams,
            freeze_batch_norm=freeze_batch_norm,
        )
        made = _shallow(depths | extra)
        self.network = keras_network.rebuild(made, name=self.name, edit=edit)
        strides = [STRIDE * 2**i for i in range(len(depths | extra))]
        own = dict(zip(depths | extra, strides, strict=True))
        self.strides = {**backbone.strides, **{name: own[name] for name in extra}}
        self.channels = {**backbone.channels, **extra}
        self._made = tuple(depths | extra)

    @property
    def second_stage(self):
        """The backbone's."""
        return self.backbone.second_stage

    @property
    def branches(self):
        """The backbone's."""
        return self.backbone.branches

    def normalize(self, images):
        """As the backbone does."""
        return self.backbone.normalize(images)

    def call(self, images, training=False):
        """[B, H, W, 3] normalised -> {level: [B, h, w, C]}, finest first."""
        maps = self.backbone(images, training=training)
        own = keras.tree.flatten(self.network(images, training=training))
        own = dict(zip(self._made, own, strict=True))
        gated = {level: maps[level] * own.pop(level) for level in self._gated}
        return {**maps, **gated, **own}

    def load_weights(self, path):
        """Those of the backbone; the shallow network stays as it is."""
        self.backbone.load_weights(path)


def _check(backbone, levels):
    if backbone.branches is not None:
        raise ConfigError("has branches, and the shallow network has none", "backbone")
    for i, level in enumerate(levels):
        if level not in backbone.strides:
            raise ConfigError(
                f"the backbone has no {level}, but {', '.join(backbone.strides)}",
                "levels",
            )
        if backbone.strides[level] != STRIDE * 2**i:
            raise ConfigError(
                f"{level} has the stride {backbone.strides[level]}, and the map beside "
                f"it {STRIDE * 2**i}",
                "levels",
            )


def _shallow(depths):
    """The network of {level: channels}."""
    make = Blocks()
    x = images = keras.Input([None, None, 3])
    for i in range(POOLS):
        x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool_{i}")(x)
    outputs = []
    for level, depth in depths.items():
        inner = max(depth // 4, 1)
        if not outputs:
            x = make.conv(x, inner, 3, f"{level}_first")
            x = make.conv(x, inner, 1, f"{level}_second")
            x = make.conv(x, inner, 3, f"{level}_third")
        else:
            x = make.conv(x, inner, 3, f"{level}_halve", strides=2)
        outputs.append(make.conv(x, depth, 1, f"{level}_wide", activation=False))
    return keras.Model(images, outputs, name="light_scratch")
