"""Feature pyramid network (Lin et al., CVPR 2017)."""

from od_api.core.registry import register
from od_api.layers import fused_batch_norm
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import (
    COARSEST_STAGE,
    LevelPyramid,
    check_stage,
    lateral_maps,
    lateral_specs,
)
from od_api.protos import neck_pb2


@register(neck_pb2.Fpn)
class Fpn(LevelPyramid):
    """Adds coarse stages to fine ones from the top down, then appends coarser levels.

    As in the old API: lateral 1x1 convolutions have a bias and nothing else; every sum
    is smoothed by a 3x3 convolution with normaliser and activation before it goes on
    down; the top is not smoothed. P6 and up are 3x3 convolutions with stride 2 and with
    normaliser and activation, each of the level before.

    Args:
      min_level: finest level; level l has stride 2^l and reads stage C<l>, 2 <= l <= 5.
      max_level: coarsest level, at least `min_level`.
      depth: channels of every level.
      use_depthwise: 3x3 convolutions are depthwise separable.
      use_explicit_padding: 3x3 convolutions get one zero on every side.
      conv_hyperparams: a `ConvHyperparams`.
      freeze_batch_norm: batch norm keeps its statistics, scale and offset.
      unsmoothed_sums: what goes down is the sum, as in the old API's TensorFlow 1
        models (and in the paper).
    """

    def __init__(
        self,
        *,
        min_level=3,
        max_level=7,
        depth=256,
        use_depthwise=False,
        use_explicit_padding=False,
        conv_hyperparams=None,
        freeze_batch_norm=False,
        unsmoothed_sums=False,
    ):
        super().__init__("fpn", min_level, max_level, depth)
        make = conv_hyperparams or ConvHyperparams()

        def conv3x3(name, strides):
            return make.conv_block(
                depth,
                3,
                name=name,
                strides=strides,
                use_depthwise=use_depthwise,
                use_explicit_padding=use_explicit_padding,
            )

        self.unsmoothed_sums = unsmoothed_sums
        top = min(max_level, COARSEST_STAGE)
        self._lateral = {
            level: make.conv2d(depth, 1, name=f"lateral_{level}", use_bias=True)
            for level in self._stages
        }
        self._smooth = {
            f"P{n}": conv3x3(f"smooth_P{n}", strides=1) for n in range(min_level, top)
        }
        self._coarse = {
            f"P{n}": conv3x3(f"coarse_P{n}", strides=2)
            for n in range(top + 1, max_level + 1)
        }
        if freeze_batch_norm:
            fused_batch_norm.freeze_batch_norm(self)

    @property
    def auxiliary(self):
        """MapSpecs of M2, M3, ...: what the laterals make of stages, to be added up."""
        return lateral_specs(self.specs.only(self._stages))

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        for level, lateral in self._lateral.items():
            stage = self._stages[level]
            check_stage(stage, feature_shapes)
            lateral.build(feature_shapes[stage])
            shape = lateral.compute_output_shape(feature_shapes[stage])
        for chain in (*self._smooth.values(), *self._coarse.values()):
            chain.build(shape)

    def call(self, features, training=False, auxiliary=False):
        """{stage: [B, h, w, C]} -> {"P3": [B, h, w, depth], ...}, finest first.

        With `auxiliary` "M3", ... follow.
        """
        maps = {
            level: conv(features[self._stages[level]])
            for level, conv in self._lateral.items()
        }
        more = lateral_maps(maps) if auxiliary else {}
        levels = list(maps)
        down = maps[levels[-1]]
        for level in reversed(levels[:-1]):
            total = maps[level] + upsample_like(down, maps[level])
            maps[level] = self._smooth[level](total)
            down = total if self.unsmoothed_sums else maps[level]
        last = maps[levels[-1]]
        for level, chain in self._coarse.items():
            last = maps[level] = chain(last)
        return maps | more
