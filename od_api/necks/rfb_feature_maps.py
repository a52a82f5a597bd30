"""Feature maps of RFB-Net: SSD's, made by receptive-field blocks."""

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.map_source import MapSource
from od_api.layers.receptive_field_block import ReceptiveFieldBlock
from od_api.necks._pyramid import check_stage
from od_api.protos import neck_pb2


@register(neck_pb2.RfbFeatureMaps)
class RfbFeatureMaps(MapSource):
    """Stages and appended maps as in SSD, behind receptive-field blocks.

    The finest of several stages gets a small block, for the head alone; each other
    stage a block of its own depth. Appended maps E1, E2, .. go on from the last of
    them, each of half the size: first by blocks of stride 2, then by SSD's 1x1
    convolution to half the depth and 3x3 one of stride 2. RFB-Net on 300 px has scale
    1, visual 2, VGG's conv4_3 and fc7, blocks of 512 and 256 and convolutions of 256
    and 256. Source: Liu et al., Receptive Field Block Net, ECCV 2018, section 3.2.

    Args:
      levels: stages of the backbone, finest first.
      block_depths: channels of the maps that blocks append.
      extra_depths: channels of the maps that convolutions append behind these.
      scale: of a block's branches before its shortcut is added.
      visual: the least dilation of a block.
      conv_hyperparams: a `ConvHyperparams` for all convolutions.
    """

    def __init__(
        self,
        *,
        levels=(),
        block_depths=(),
        extra_depths=(),
        scale=0.1,
        visual=1,
        conv_hyperparams=None,
    ):
        super().__init__(name="rfb_feature_maps")
        if not levels:
            raise ValueError('levels is empty; RFB-Net on VGG has "C4", "C5"')
        ranges.at_least("block_depths", block_depths, 1, ranges.MOST_CHANNELS)
        ranges.at_least("extra_depths", extra_depths, 1, ranges.MOST_CHANNELS)
        ranges.between("scale", scale, 0, 10)
        ranges.between("visual", visual, 1, 10)
        self._levels = tuple(levels)
        self._make = conv_hyperparams or ConvHyperparams()
        self._settings = {"scale": scale, "visual": visual}
        self._appended = {
            f"E{i}": depth
            for i, depth in enumerate([*block_depths, *extra_depths], start=1)
        }
        self._num_blocks = len(block_depths)
        self._layers_of = {}

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of its stages and of E1, E2, ...

        Raises:
          ValueError: a stage is not there.
        """
        for level in self._levels:
            check_stage(level, maps.strides)
        stages = maps.only(self._levels)
        last = stages.strides[self._levels[-1]]
        halved = {name: last * 2**i for i, name in enumerate(self._appended, start=1)}
        return MapSpecs(
            strides=stages.strides | halved, channels=stages.channels | self._appended
        )

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        for i, level in enumerate(self._levels):
            check_stage(level, feature_shapes)
            shape = tuple(feature_shapes[level])
            small = i == 0 and len(self._levels) > 1
            self._add(level, shape, self._block(shape[-1], level, small=small))
        for i, (name, depth) in enumerate(self._appended.items()):
            if i < self._num_blocks:
                layer = self._block(depth, name, strides=2)
            else:
                layer = self._halving(depth, name)
            self._add(name, shape, layer)
            shape = layer.compute_output_shape(shape)

    def _block(self, depth, name, **settings):
        settings = {**self._settings, **settings, "name": f"{name}_block"}
        return ReceptiveFieldBlock(self._make, depth, **settings)

    def _halving(self, depth, name):
        reduce = self._make.conv_block(max(depth // 2, 1), 1, name="reduce")
        halve = self._make.conv_block(depth, 3, name="halve", strides=2)
        return Chain([reduce, halve], name=name)

    def _add(self, name, shape, layer):
        layer.build(shape)
        self._layers_of[name] = layer

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {level: [B, h, w, C]}, finest first."""
        maps = {name: self._layers_of[name](features[name]) for name in self._levels}
        last = maps[self._levels[-1]]
        for name in self._appended:
            last = maps[name] = self._layers_of[name](last)
        return maps
