"""Atrous spatial pyramid pooling (Chen et al., DeepLab v3, 2017)."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.shapes import spatial_shape
from od_api.core.types import MapSpecs
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.map_source import MapSource
from od_api.necks._pyramid import check_stage
from od_api.protos import neck_pb2

DILATIONS = (6, 12, 18)


@register(neck_pb2.Aspp)
class Aspp(MapSource):
    """Reads stages with several dilations at once.

    A 1x1 convolution, a 3x3 one of each dilation and, unless left out, a 1x1 one of the
    mean over the whole map stand side by side, and a 1x1 convolution mixes them; all
    have normaliser and activation. Each level has convolutions of its own. Source: Chen
    et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017, section
    3.3.

    Args:
      levels: stages of the backbone, finest first; empty: C4.
      depth: channels of every convolution.
      dilations: of the 3x3 convolutions; empty: 6, 12, 18, the paper's at stride 16.
      image_pooling: whether the mean over the map is among them.
      conv_hyperparams: a `ConvHyperparams`.
    """

    def __init__(
        self,
        *,
        levels=(),
        depth=256,
        dilations=(),
        image_pooling=True,
        conv_hyperparams=None,
    ):
        super().__init__(name="aspp")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        ranges.between("dilations", list(dilations), 1, ranges.MOST_CELLS)
        self._levels = tuple(levels) or ("C4",)
        if len(set(self._levels)) < len(self._levels):
            raise ValueError(f"levels are {list(levels)}: name each once")
        self._depth, self._image_pooling = depth, image_pooling
        self._make = conv_hyperparams or ConvHyperparams()
        self._dilations = tuple(dilations) or DILATIONS
        self._branches = {
            level: self._parallel(f"{level}_branch") for level in self._levels
        }
        averaged = self._levels if image_pooling else ()
        self._mean = {level: self._block(f"{level}_mean") for level in averaged}
        self._mix = {level: self._block(f"{level}_mix") for level in self._levels}

    def _block(self, name):
        return self._make.conv_block(self._depth, 1, name=name)

    def _parallel(self, name):
        """The convolutions of one map: 1x1, then those of each dilation."""
        blocks = [self._block(f"{name}_0")]
        for i, dilation in enumerate(self._dilations, start=1):
            block = self._make.conv_block(
                self._depth, 3, name=f"{name}_{i}", dilation=dilation
            )
            blocks.append(block)
        return blocks

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of its stages, of one depth.

        Raises:
          ValueError: a stage is not there.
        """
        for level in self._levels:
            check_stage(level, maps.strides)
        strides = maps.only(self._levels).strides
        return MapSpecs(strides=strides, channels=dict.fromkeys(strides, self._depth))

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        count = len(self._dilations) + 1 + self._image_pooling
        for level in self._levels:
            check_stage(level, feature_shapes)
            shape = tuple(feature_shapes[level])
            for block in self._branches[level]:
                block.build(shape)
            if self._image_pooling:
                self._mean[level].build(shape)
            self._mix[level].build((*shape[:3], count * self._depth))

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {stage: [B, h, w, depth]}, finest first."""
        return {level: self._read(features[level], level) for level in self._levels}

    def _read(self, x, level):
        made = [block(x) for block in self._branches[level]]
        if self._image_pooling:
            mean = self._mean[level](tf.reduce_mean(x, axis=(1, 2), keepdims=True))
            height, width = spatial_shape(x)
            made.append(tf.tile(mean, [1, height, width, 1]))
        return self._mix[level](tf.concat(made, axis=-1))
