"""Mixture of three pyramids, MFPN (Liang et al., 2019)."""

import keras
import tensorflow as tf

from od_api.core.registry import register
from od_api.necks._pyramid import LateralPyramid, top_down
from od_api.necks.bottom_up_fpn import bottom_up
from od_api.necks.fusing_splitting_fpn import (
    FINEST,
    build_merging,
    check_four_stages,
    fused_and_split,
    merging,
)
from od_api.protos import neck_pb2

MIXING = {
    "sum": tf.add_n,
    "mean": lambda maps: tf.add_n(maps) / len(maps),
    "max": lambda maps: tf.reduce_max(tf.stack(maps), axis=0),
}
BRANCHES = ("top_down", "bottom_up", "fusing_splitting")


@register(neck_pb2.MixedFpn)
class MixedFpn(LateralPyramid):
    """Three pyramids side by side, mixed level by level and smoothed.

    They are those of `top_down_fpn`, `bottom_up_fpn` and `fusing_splitting_fpn`, each
    with 3x3 convolutions of its own; a 3x3 convolution is behind what is mixed.
    Convolutions have a bias and nothing else. P6 and up take every second cell of the
    level before. Source: Liang et al., MFPN: A Novel Mixture Feature Pyramid Network,
    2019, section 3, whose way of mixing is not said.

    Args:
      max_level: coarsest level, from 5 up; the finest is P2.
      depth: channels of every level.
      shared_laterals: the three read the same laterals; else each has its own.
      mixing: sum, mean or max of the three, cell by cell.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(
        self,
        *,
        max_level=6,
        depth=256,
        shared_laterals=True,
        mixing="sum",
        conv_hyperparams=None,
    ):
        check_four_stages(max_level)
        super().__init__("mixed_fpn", FINEST, max_level, depth, conv_hyperparams)
        if mixing not in MIXING:
            raise ValueError(f"mixing is {mixing!r}: take {', '.join(MIXING)}")
        self._mix = MIXING[mixing]
        self._own_laterals = {}
        if not shared_laterals:
            self._own_laterals = {
                branch: self.convolutions(f"{branch}_lateral", 1)
                for branch in BRANCHES[1:]
            }
        self._top_down = self.convolutions("top_down", 3)
        self._bottom_up = self.convolutions("bottom_up", 3)
        self._merge = merging(self._make, depth)
        self._smooth = self.convolutions("smooth", 3)
        self._halve = keras.layers.MaxPooling2D(2, padding="same", name="halve")

    def build_mixing(self, feature_shapes, shape):
        """Creates the variables of the three, and of the last convolutions."""
        for laterals in self._own_laterals.values():
            for level, conv in laterals.items():
                conv.build(feature_shapes[self._stages[level]])
        for convolutions in (self._top_down, self._bottom_up, self._smooth):
            for conv in convolutions.values():
                conv.build(shape)
        build_merging(self._merge, shape)

    def mixed(self, laterals, features):
        """{level: [B, h, w, depth]} of the laterals -> of the levels."""
        read = dict.fromkeys(BRANCHES, laterals)
        for branch, own in self._own_laterals.items():
            read[branch] = {
                level: conv(features[self._stages[level]])
                for level, conv in own.items()
            }
        made = (
            top_down(read["top_down"], self._top_down),
            bottom_up(read["bottom_up"], self._bottom_up, self._halve),
            fused_and_split(read["fusing_splitting"], self._merge, self._halve),
        )
        return {
            level: conv(self._mix([maps[level] for maps in made]))
            for level, conv in self._smooth.items()
        }
