"""Feature pyramid network as its paper has it (Lin et al., CVPR 2017)."""

import itertools

from od_api.core import ranges
from od_api.core.registry import register
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.map_source import MapSource
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import (
    check_levels,
    check_stage,
    check_stages,
    lateral_maps,
    lateral_specs,
    pyramid_specs,
    stages_of,
)
from od_api.protos import neck_pb2


@register(neck_pb2.TopDownFpn)
class TopDownFpn(MapSource):
    """Hands sums down before they are smoothed, and smooths every level, the top too.

    Lateral 1x1 and smoothing 3x3 convolutions have a bias and nothing else. P6 and up
    take every second cell of the level before. What `fpn` does otherwise is the old
    API's way. Source: Lin et al., Feature Pyramid Networks, CVPR 2017, section 3.

    Args:
      min_level: finest level; level l has stride 2^l and reads stage C<l>, 2 <= l <= 5.
      max_level: coarsest level, at least `min_level`.
      depth: channels of every level.
      post_conv_recursion: what goes down is the smoothed map, not the sum.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(
        self,
        *,
        min_level=2,
        max_level=6,
        depth=256,
        post_conv_recursion=False,
        conv_hyperparams=None,
    ):
        super().__init__(name="top_down_fpn")
        check_levels(min_level, max_level)
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        make = conv_hyperparams or ConvHyperparams()
        if make.normalizer is not None or "activation" in make.explicit:
            raise ValueError(
                "conv_hyperparams has a normaliser or an activation, and the paper's "
                "pyramid has neither: remove it, or use fpn"
            )
        self._stages = stages_of(min_level, max_level)
        self._lateral, self._smooth = (
            {
                level: make.conv2d(depth, size, name=f"{kind}_{level}", use_bias=True)
                for level in self._stages
            }
            for kind, size in (("lateral", 1), ("smooth", 3))
        )
        made = pyramid_specs(min_level, max_level, depth)
        self.strides, self.channels = made.strides, made.channels
        self._post_conv_recursion = post_conv_recursion

    @property
    def auxiliary(self):
        """MapSpecs of M2, M3, ...: what the laterals make of stages, to be added up."""
        return lateral_specs(self.specs.only(self._stages))

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of P2, P3, ...

        Raises:
          ValueError: a stage is not there, or of another stride than its level's.
        """
        check_stages(self._stages, self.strides, maps)
        return self.specs

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        for level, stage in self._stages.items():
            check_stage(stage, feature_shapes)
            self._lateral[level].build(feature_shapes[stage])
            shape = self._lateral[level].compute_output_shape(feature_shapes[stage])
            self._smooth[level].build(shape)

    def call(self, features, training=False, auxiliary=False):
        """{stage: [B, h, w, C]} -> {"P2": [B, h, w, depth], ...}, finest first.

        With `auxiliary` "M2", ... follow.
        """
        sums = {
            level: conv(features[self._stages[level]])
            for level, conv in self._lateral.items()
        }
        more = lateral_maps(sums) if auxiliary else {}
        top = list(sums)[-1]
        maps = {**sums, top: self._smooth[top](sums[top])}
        for level, above in reversed(list(itertools.pairwise(sums))):
            down = maps[above] if self._post_conv_recursion else sums[above]
            sums[level] += upsample_like(down, sums[level])
            maps[level] = self._smooth[level](sums[level])
        last = maps[top]
        for level in self.levels[len(sums) :]:
            last = maps[level] = last[:, ::2, ::2]
        return maps | more
