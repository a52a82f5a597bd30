"""Balanced feature pyramid of Libra R-CNN (Pang et al., CVPR 2019)."""

import tensorflow as tf

from od_api.core.registry import register
from od_api.core.shapes import spatial_shape
from od_api.layers.adaptive_pooling import bin_maxima
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.non_local import NonLocal
from od_api.layers.upsampling import nearest_to
from od_api.necks._neck_above import NeckAbove
from od_api.protos import neck_pb2

REFINEMENTS = ("none", "conv", "non_local")
# Place of the level of the paper: P4 of P2 to P6.
PLACE = 2


@register(neck_pb2.BalancedFeaturePyramid)
class BalancedFeaturePyramid(NeckAbove):
    """Adds the mean of all levels to each: rescale, integrate, refine, strengthen.

    The levels of another neck are brought to the size of one of them, finer ones by
    adaptive max pools (bin i of n covers the cells from floor(i h / n) to ceil((i + 1)
    h / n)), coarser ones by nearest neighbour; their mean is refined, brought back to
    every size in the same ways, and added. Source: Pang et al., Libra R-CNN, CVPR 2019,
    section 3.2.

    Args:
      neck: the other neck, whose levels have equal depth.
      level: the one whose size the mean has; empty: the third, or the last of fewer.
      refine: "none", without variables; "conv": a 3x3 convolution with normaliser and
        activation; "non_local": a non-local block of the full depth.
      conv_hyperparams: a `ConvHyperparams`.
    """

    def __init__(
        self, *, neck=None, level="", refine="non_local", conv_hyperparams=None
    ):
        super().__init__("balanced_feature_pyramid", neck)
        if refine not in REFINEMENTS:
            raise ValueError(f"refine is {refine!r}: take {', '.join(REFINEMENTS)}")
        self._level, self._kind = level, refine
        self._make = conv_hyperparams or ConvHyperparams()
        self._refine = None

    def made_of(self, maps):
        """MapSpecs of the other neck -> the same.

        Raises:
          ValueError: levels of unequal depth, or none of the name given.
        """
        if len(set(maps.channels.values())) > 1:
            raise ValueError(
                f"levels of {list(maps.channels.values())} channels have no mean: all "
                "must have the same"
            )
        self._level = self._level or maps.levels[min(PLACE, len(maps.levels) - 1)]
        maps.only([self._level])
        return maps

    def build_above(self, maps):
        """Creates what refines."""
        depth = maps.channels[self._level]
        if self._kind == "conv":
            self._refine = self._make.conv_block(depth, 3, name="refine")
        if self._kind == "non_local":
            self._refine = NonLocal(self._make, name="refine")
        if self._refine is not None:
            self._refine.build((None, None, None, depth))

    def changed(self, maps):
        """{level: [B, h, w, C]} -> the same, with the refined mean added."""
        place = self.levels.index(self._level)
        size = spatial_shape(maps[self._level])
        mean = tf.add_n(
            [_resized(x, size, halved=i < place) for i, x in enumerate(maps.values())]
        ) / len(maps)
        if self._refine is not None:
            mean = self._refine(mean)
        return {
            level: x + _resized(mean, spatial_shape(x), halved=i > place)
            for i, (level, x) in enumerate(maps.items())
        }


def _resized(x, size, halved):
    """A map in another size: the maxima of its cells, or its cells repeated."""
    return bin_maxima(x, *size) if halved else nearest_to(x, *size)
