"""Centre pooling of a neck's maps (Duan et al., CenterNet, ICCV 2019)."""

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.inner_pooling import center_pool
from od_api.layers.pooled_block import PooledBlock
from od_api.necks._neck_above import NeckAbove
from od_api.protos import neck_pb2


@register(neck_pb2.CenterPooling)
class CenterPooling(NeckAbove):
    """Brings the maxima of its whole row and column to each cell of a neck's maps.

    The centre of an object says little of it; what does may lie anywhere in its row
    or column. Two 3x3 convolutions of the map are pooled so and added, and a residual
    block joins them with the map. Each level has weights of its own; names, depths and
    strides stay. Source: Duan et al., CenterNet: Keypoint Triplets for Object
    Detection, ICCV 2019, section 3.3.

    Args:
      neck: the other neck, e.g. fpn.
      levels: of its maps; empty: all.
      pooling_depth: channels of the two maps that are pooled.
      conv_hyperparams: a `ConvHyperparams`.
    """

    def __init__(
        self, *, neck=None, levels=(), pooling_depth=128, conv_hyperparams=None
    ):
        ranges.at_least("pooling_depth", pooling_depth, 1, ranges.MOST_CHANNELS)
        super().__init__("center_pooling", neck)
        if len(set(levels)) < len(levels):
            raise ValueError(f"levels are {list(levels)}: name each once")
        self._levels, self._pooling_depth = tuple(levels), pooling_depth
        self._make = conv_hyperparams or ConvHyperparams()
        self._blocks = {}

    def made_of(self, maps):
        """MapSpecs of the other neck -> the same.

        Raises:
          ValueError: it has no map of a name that was given.
        """
        maps.only(self._levels)
        return maps

    def build_above(self, maps):
        """Creates a block for each level."""
        for level in self._levels or maps.levels:
            depth = maps.channels[level]
            block = PooledBlock(
                self._make, center_pool, (self._pooling_depth, depth), name=level
            )
            block.build((None, None, None, depth))
            self._blocks[level] = block

    def changed(self, maps):
        """{level: [B, h, w, C]} -> those of its levels, pooled."""
        return {level: block(maps[level]) for level, block in self._blocks.items()}
