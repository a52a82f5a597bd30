"""Stages of the backbone side by side, as one map."""

import math

import tensorflow as tf

from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers.map_source import MapSource
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import check_stage
from od_api.protos import neck_pb2

LEVEL = "concatenated"


@register(neck_pb2.ConcatenatedStages)
class ConcatenatedStages(MapSource):
    """One map, "concatenated", of the channels of several stages.

    It is as fine as the finest of them; the cells of coarser ones are repeated, where
    the backbone has not kept its stride anyway (`output_stride`). Source: Singh and
    Davis, An Analysis of Scale Invariance in Object Detection (SNIP), CVPR 2018,
    section 5.3, whose first stage reads conv4 and conv5.

    Args:
      stages: of the backbone, finest first.
    """

    def __init__(self, *, stages=()):
        super().__init__(name="concatenated_stages")
        if len(stages) < 2 or len(set(stages)) < len(stages):
            raise ValueError(
                f'stages are {list(stages)}: name two or more, e.g. "C4", "C5"'
            )
        self._stages = tuple(stages)
        self._halvings = None

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of one map.

        Raises:
          ValueError: a stage is not there, or its stride is no power of 2 of the first.
        """
        for stage in self._stages:
            check_stage(stage, maps.strides)
        strides = [maps.strides[stage] for stage in self._stages]
        halvings = [math.log2(stride / strides[0]) for stride in strides]
        if any(n < 0 or n != int(n) for n in halvings):
            raise ValueError(
                f"stages of strides {strides}: name the finest first, and stages whose "
                "strides are doubles of it"
            )
        self._halvings = [int(n) for n in halvings]
        depth = sum(maps.channels[stage] for stage in self._stages)
        return MapSpecs(strides={LEVEL: strides[0]}, channels={LEVEL: depth})

    def build(self, feature_shapes):
        """It has no variables."""

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {"concatenated": [B, h, w, sum of C]}."""
        maps = [features[stage] for stage in self._stages]
        enlarged = [
            _doubled(one, times, maps[0])
            for one, times in zip(maps, self._halvings, strict=True)
        ]
        return {LEVEL: tf.concat(enlarged, axis=-1)}


def _doubled(coarse, times, fine):
    """A map that was halved so many times, at the size of the one it was made of."""
    for _ in range(times - 1):
        coarse = tf.repeat(tf.repeat(coarse, 2, axis=1), 2, axis=2)
    return upsample_like(coarse, fine) if times else coarse
