"""Pyramid that fuses and splits, of MFPN (Liang et al., 2019)."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import COARSEST_LEVEL, COARSEST_STAGE, LateralPyramid
from od_api.protos import neck_pb2

FINEST = 2


@register(neck_pb2.FusingSplittingFpn)
class FusingSplittingFpn(LateralPyramid):
    """Four levels become two, see each other, and are four again: none comes first.

    Of the laterals C2 to C5, with D a max pool of 2x2 cells and U doubling by nearest
    neighbour: a_s = C4 + U(C5), a_l = D(C2) + C3; b_s = W_s * cat(a_s, D(a_l)), b_l =
    W_l * cat(U(a_s), a_l), where W are 3x3 convolutions; P2 = U(b_l), P3 = b_l, P4 =
    b_s, P5 = D(b_s). Convolutions have a bias and nothing else. P6 and up take every
    second cell of the level before. Source: Liang et al., MFPN: A Novel Mixture Feature
    Pyramid Network, 2019, section 3.

    Args:
      max_level: coarsest level, from 5 up.
      depth: channels of every level.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(self, *, max_level=6, depth=256, conv_hyperparams=None):
        check_four_stages(max_level)
        super().__init__(
            "fusing_splitting_fpn", FINEST, max_level, depth, conv_hyperparams
        )
        self._merge = merging(self._make, depth)
        self._halve = keras.layers.MaxPooling2D(2, padding="same", name="halve")

    def build_mixing(self, feature_shapes, shape):
        """Creates the merging convolutions, of laterals of that shape."""
        build_merging(self._merge, shape)

    def mixed(self, laterals, features):
        """{level: [B, h, w, depth]} of the laterals -> of the levels."""
        return fused_and_split(laterals, self._merge, self._halve)


def check_four_stages(max_level):
    """Raises RangeError for a pyramid that does not read C2 to C5."""
    ranges.between("max_level", max_level, COARSEST_STAGE, COARSEST_LEVEL)


def merging(make, depth):
    """{"small", "large"}: the convolutions of the two maps side by side."""
    return {
        kind: make.conv2d(depth, 3, name=f"merge_{kind}", use_bias=True)
        for kind in ("small", "large")
    }


def build_merging(merge, shape):
    """Creates the variables of `merging`, of maps of that shape."""
    for conv in merge.values():
        conv.build((*shape[:3], 2 * shape[3]))


def fused_and_split(laterals, merge, halve):
    """{P2 to P5: [B, h, w, C]} -> the same by the equations of `FusingSplittingFpn`.

    Args:
      laterals: {level: [B, h, w, C]}, four, each half of the one before.
      merge: {"small", "large"}: layers.
      halve: a layer.
    """
    c2, c3, c4, c5 = laterals.values()
    small = c4 + upsample_like(c5, c4)
    large = halve(c2) + c3
    merged_small = merge["small"](tf.concat([small, halve(large)], axis=-1))
    merged_large = merge["large"](
        tf.concat([upsample_like(small, large), large], axis=-1)
    )
    made = [
        upsample_like(merged_large, c2),
        merged_large,
        merged_small,
        halve(merged_small),
    ]
    return dict(zip(laterals, made, strict=True))
