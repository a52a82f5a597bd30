"""AugFPN's pyramid: the top level gets context, too (Guo et al., CVPR 2020)."""

import math

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.shapes import spatial_shape
from od_api.layers.adaptive_pooling import bin_means
from od_api.layers.upsampling import corners_aligned
from od_api.necks._pyramid import LateralPyramid, top_down
from od_api.protos import neck_pb2

RATIOS = (0.1, 0.2, 0.3)
# The schema's numbers are float32: .7 of 10 cells are 7 of them.
ROUNDING = 1e-4


@register(neck_pb2.Augfpn)
class Augfpn(LateralPyramid):
    """The pyramid of `top_down_fpn`, whose top lateral gets means of its stage added.

    Means of the coarsest stage over a few bins, a share of its height and width
    (rounded down, at least 1), go through a 1x1 convolution each and are enlarged
    again, bilinearly with corners aligned. Side by side they go through a 1x1
    convolution with ReLU and a 3x3 one to a weight for each and cell, a sigmoid's: they
    need not sum to 1. The weighed sum is added to the lateral. The auxiliary maps M2,
    .. are the laterals without it, as the authors have it. Source: Guo et al., AugFPN,
    CVPR 2020, section 3.3; consistent supervision and soft levels are parts of their
    own.

    Args:
      min_level: finest level; level l has stride 2^l and reads stage C<l>, 2 <= l <= 5.
      max_level: coarsest level, at least `min_level`; from 6 on every second cell of
        the level before.
      depth: channels of every level.
      ratios: shares of height and width, above 0 and at most 1; empty: .1, .2, .3.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(
        self, *, min_level=2, max_level=6, depth=256, ratios=(), conv_hyperparams=None
    ):
        super().__init__("augfpn", min_level, max_level, depth, conv_hyperparams)
        ranges.above("ratios", list(ratios), 0, 1)
        self._ratios = tuple(ratios) or RATIOS
        self._smooth = self.convolutions("smooth", 3)
        self._reduce = [
            self._make.conv2d(depth, 1, name=f"context_{i}", use_bias=True)
            for i in range(len(self._ratios))
        ]
        self._mix = self._make.conv2d(
            depth, 1, name="mix", use_bias=True, activation="relu"
        )
        self._weigh = self._make.conv2d(
            len(self._ratios), 3, name="weights", use_bias=True
        )

    def build_mixing(self, feature_shapes, shape):
        """Creates the variables behind the laterals and of the means."""
        for conv in self._smooth.values():
            conv.build(shape)
        top = list(self._stages.values())[-1]
        for conv in self._reduce:
            conv.build(feature_shapes[top])
        self._mix.build((*shape[:3], shape[3] * len(self._reduce)))
        self._weigh.build(shape)

    def mixed(self, laterals, features):
        """{level: [B, h, w, depth]} of the laterals -> of the levels."""
        top, stage = list(self._stages.items())[-1]
        context = self.context(features[stage])
        return top_down({**laterals, top: laterals[top] + context}, self._smooth)

    def context(self, x):
        """[B, h, w, C] -> [B, h, w, depth], what is added to the lateral."""
        size = spatial_shape(x)
        enlarged = [
            corners_aligned(conv(bin_means(x, *(share(n, ratio) for n in size))), *size)
            for ratio, conv in zip(self._ratios, self._reduce, strict=True)
        ]
        logits = self._weigh(self._mix(tf.concat(enlarged, axis=-1)))
        weights = tf.cast(tf.sigmoid(tf.cast(logits, tf.float32)), logits.dtype)
        return tf.add_n([y * weights[..., i, None] for i, y in enumerate(enlarged)])


def share(size, ratio):
    """A share of a number of cells, rounded down, at least 1; an int, or a scalar."""
    if isinstance(size, int):
        return max(math.floor(size * ratio + ROUNDING), 1)
    cells = tf.floor(tf.cast(size, tf.float32) * ratio + ROUNDING)
    return tf.maximum(tf.cast(cells, tf.int32), 1)
