"""DetNet's pyramid: levels of one size are added as they are (Li et al., ECCV 2018)."""

import itertools

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import MapSpecs
from od_api.layers.map_source import MapSource
from od_api.layers.upsampling import upsample_like
from od_api.necks._pyramid import bare, check_stage
from od_api.protos import neck_pb2

STAGES = ("C2", "C3", "C4", "C5", "C6")


@register(neck_pb2.DetnetFpn)
class DetnetFpn(MapSource):
    """A pyramid over stages of which some have the same stride.

    Lateral 1x1 convolutions, sums handed down, and a 3x3 convolution of every level;
    what is handed down is doubled where the level below is finer, and added as it is
    where it is not. Convolutions have a bias and nothing else. Level P<n> is of stage
    C<n> and has its stride. Source: Li et al., DetNet, ECCV 2018, section 3.2.

    Args:
      stages: of the backbone, finest first; empty: C2 to C6.
      depth: channels of every level.
      conv_hyperparams: a `ConvHyperparams`; its kernels' initialiser and regulariser
        are used.
    """

    def __init__(self, *, stages=(), depth=256, conv_hyperparams=None):
        super().__init__(name="detnet_fpn")
        stages = tuple(stages) or STAGES
        if len(set(stages)) < len(stages) or any(s[:1] != "C" for s in stages):
            raise ValueError(f"stages are {list(stages)}: name each once, e.g. C2, C3")
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        make = bare(conv_hyperparams)
        self._stages = {f"P{stage[1:]}": stage for stage in stages}
        self._depth = depth
        self._lateral, self._smooth = (
            {
                level: make.conv2d(depth, size, name=f"{kind}_{level}", use_bias=True)
                for level in self._stages
            }
            for kind, size in (("lateral", 1), ("smooth", 3))
        )

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of P2, P3, ...

        Raises:
          ValueError: a stage is not there, or its stride is neither that of the one
            before nor its double.
        """
        for stage in self._stages.values():
            check_stage(stage, maps.strides)
        strides = {name: maps.strides[stage] for name, stage in self._stages.items()}
        for (fine, one), (coarse, other) in itertools.pairwise(strides.items()):
            if other not in (one, 2 * one):
                raise ValueError(
                    f"{coarse} has a stride of {other} and {fine} one of {one}: it "
                    "must be the same or its double"
                )
        return MapSpecs(strides=strides, channels=dict.fromkeys(strides, self._depth))

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        for level, stage in self._stages.items():
            check_stage(stage, feature_shapes)
            self._lateral[level].build(feature_shapes[stage])
            self._smooth[level].build((None, None, None, self._depth))

    def call(self, features, training=False):
        """{stage: [B, h, w, C]} -> {"P2": [B, h, w, depth], ...}, finest first."""
        sums = {
            level: conv(features[self._stages[level]])
            for level, conv in self._lateral.items()
        }
        for level, above in reversed(list(itertools.pairwise(sums))):
            down = sums[above]
            if self.strides[above] > self.strides[level]:
                down = upsample_like(down, sums[level])
            sums[level] += down
        return {level: self._smooth[level](x) for level, x in sums.items()}
