"""Pooling pyramid (Jin et al., arXiv 1807.03284)."""

import keras

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers import fused_batch_norm
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.map_source import MapSource
from od_api.necks._pyramid import check_stage
from od_api.protos import neck_pb2


@register(neck_pb2.PoolingPyramid)
class PoolingPyramid(MapSource):
    """One stage, and ever coarser maps E1, E2, .. that are its maxima.

    Each is a 2x2 max pool of the one before, so that all of them are of one feature
    space, and one head reads them. Sizes are rounded up. Source: Jin et al., Pooling
    Pyramid Network for Object Detection, 2018; without variables unless `depth` is set.

    Args:
      level: the stage of the backbone.
      num_layers: maps, with the first.
      depth: channels of a 1x1 convolution that makes the first map, "base", of the
        stage; 0: the stage itself is the first.
      conv_hyperparams: a `ConvHyperparams` of that convolution.
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
    """

    def __init__(
        self,
        *,
        level="C4",
        num_layers=6,
        depth=0,
        conv_hyperparams=None,
        freeze_batch_norm=False,
    ):
        super().__init__(name="pooling_pyramid")
        ranges.between("num_layers", num_layers, 1, ranges.MOST_LAYERS)
        ranges.at_least("depth", depth, 0, ranges.MOST_CHANNELS)
        self._level = level
        self._depth = depth
        self._coarse = [f"E{i}" for i in range(1, num_layers)]
        self._pool = keras.layers.MaxPooling2D(2, 2, padding="same", name="pool")
        make = conv_hyperparams or ConvHyperparams()
        self._base = make.conv_block(depth, 1, name="base") if depth else None
        if freeze_batch_norm:
            fused_batch_norm.freeze_batch_norm(self)

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of one stage and of E1, E2, ...

        Raises:
          ValueError: the stage is not there.
        """
        check_stage(self._level, maps.strides)
        stride = maps.strides[self._level]
        depth = self._depth or maps.channels[self._level]
        names = [self._first, *self._coarse]
        return MapSpecs(
            strides={name: stride * 2**i for i, name in enumerate(names)},
            channels=dict.fromkeys(names, depth),
        )

    @property
    def _first(self):
        return "base" if self._depth else self._level

    def build(self, feature_shapes):
        """Creates the variables, if any; `feature_shapes` are the backbone's."""
        check_stage(self._level, feature_shapes)
        if self._base is not None:
            self._base.build(feature_shapes[self._level])

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {"C4": map, "E1": map of half the size, ...}."""
        last = features[self._level]
        if self._base is not None:
            last = self._base(last)
        maps = {self._first: last}
        for name in self._coarse:
            last = maps[name] = self._pool(last)
        return maps
