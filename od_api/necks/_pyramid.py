"""What feature pyramids share: their stages, levels and sums of neighbouring maps."""

import itertools

from od_api.core import ranges
from od_api.core.types import MapSpecs
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.map_source import MapSource
from od_api.layers.upsampling import upsample_like

# Backbones end at stride 2^5; coarser levels are made of P5.
COARSEST_STAGE = 5

# Of stride 2^15, wider than the longest side of an image.
COARSEST_LEVEL = 15


class LevelPyramid(MapSource):
    """Levels P<n> of stride 2^n and one depth, of which those up to P5 read stage C<n>.

    Args:
      name: of the layer.
      min_level: finest level, 2 to 5.
      max_level: coarsest level, at least `min_level`.
      depth: channels of every level.
    """

    def __init__(self, name, min_level, max_level, depth):
        super().__init__(name=name)
        check_levels(min_level, max_level)
        ranges.at_least("depth", depth, 1, ranges.MOST_CHANNELS)
        self._depth = depth
        self._stages = stages_of(min_level, max_level)
        made = pyramid_specs(min_level, max_level, depth)
        self.strides, self.channels = made.strides, made.channels

    def maps_of(self, maps):
        """MapSpecs of a backbone -> MapSpecs of P2, P3, ...

        Raises:
          ValueError: a stage is not there, or of another stride than its level's.
        """
        check_stages(self._stages, self.strides, maps)
        return self.specs


class LateralPyramid(LevelPyramid):
    """A pyramid of convolutions with a bias and nothing else, over laterals of its own.

    Each stage gets a 1x1 convolution, its lateral; a subclass says in `mixed` what it
    makes of them all. P6 and up take every second cell of the level before.

    Args:
      name, min_level, max_level, depth: as in `LevelPyramid`.
      conv_hyperparams: a `ConvHyperparams`, or None; its kernels' initialiser and
        regulariser are used.
    """

    def __init__(self, name, min_level, max_level, depth, conv_hyperparams):
        super().__init__(name, min_level, max_level, depth)
        self._make = bare(conv_hyperparams)
        self._lateral = self.convolutions("lateral", 1)

    def convolutions(self, kind, size):
        """{level: a convolution named after its kind and level}."""
        return {
            level: self._make.conv2d(
                self._depth, size, name=f"{kind}_{level}", use_bias=True
            )
            for level in self._stages
        }

    @property
    def auxiliary(self):
        """MapSpecs of M2, M3, ...: what the laterals make of stages, to be added up."""
        return lateral_specs(self.specs.only(self._stages))

    def build(self, feature_shapes):
        """Creates the variables; `feature_shapes` are the backbone's, by stage."""
        for level, stage in self._stages.items():
            check_stage(stage, feature_shapes)
            self._lateral[level].build(feature_shapes[stage])
        self.build_mixing(feature_shapes, (None, None, None, self._depth))

    def build_mixing(self, feature_shapes, shape):
        """Creates the other variables; `shape` is that of every lateral."""
        raise NotImplementedError(type(self).__name__)

    def mixed(self, laterals, features):
        """{level: [B, h, w, depth]} of the laterals -> of the levels.

        Args:
          laterals: of the levels that stages are read for, finest first.
          features: {stage: [B, h, w, C]}, the backbone's.
        """
        raise NotImplementedError(type(self).__name__)

    def call(self, features, training=False, auxiliary=False):
        """{stage: [B, h, w, C]} -> {"P2": [B, h, w, depth], ...}, finest first.

        With `auxiliary` "M2", ... follow.
        """
        laterals = {
            level: conv(features[self._stages[level]])
            for level, conv in self._lateral.items()
        }
        maps = self.mixed(laterals, features)
        last = maps[list(laterals)[-1]]
        for level in self.levels[len(laterals) :]:
            last = maps[level] = last[:, ::2, ::2]
        return maps | (lateral_maps(laterals) if auxiliary else {})


def bare(conv_hyperparams):
    """The settings of a pyramid whose convolutions have a bias and nothing else.

    Raises:
      ValueError: settings of a normaliser or an activation.
    """
    make = conv_hyperparams or ConvHyperparams()
    if make.normalizer is not None or "activation" in make.explicit:
        raise ValueError(
            "conv_hyperparams has a normaliser or an activation, and this pyramid has "
            "neither: remove it"
        )
    return make


def top_down(laterals, smooth, post_conv_recursion=False):
    """{level: map}, finest first -> the same, each with all coarser ones added to it.

    Args:
      laterals: {level: [B, h, w, C]}, each half of the one before.
      smooth: {level: layer} behind each sum.
      post_conv_recursion: what goes down is the smoothed map, not the sum.
    """
    sums, maps = dict(laterals), dict(laterals)
    top = list(sums)[-1]
    maps[top] = smooth[top](sums[top])
    for level, above in reversed(list(itertools.pairwise(sums))):
        down = maps[above] if post_conv_recursion else sums[above]
        sums[level] += upsample_like(down, sums[level])
        maps[level] = smooth[level](sums[level])
    return maps


def check_levels(min_level, max_level):
    """Raises ValueError for levels that no pyramid has."""
    if not 2 <= min_level <= min(max_level, COARSEST_STAGE):
        raise ValueError(
            f"min_level is {min_level} and max_level {max_level}; min_level must "
            "be 2 to 5 and not above max_level"
        )
    ranges.between("max_level", max_level, 2, COARSEST_LEVEL)


def stages_of(min_level, max_level):
    """{"P2": "C2", ...}: the stage of the backbone that each level reads."""
    top = min(max_level, COARSEST_STAGE)
    return {f"P{n}": f"C{n}" for n in range(min_level, top + 1)}


def pyramid_specs(min_level, max_level, depth):
    """MapSpecs of levels of stride 2^level and one depth."""
    names = range(min_level, max_level + 1)
    return MapSpecs(
        strides={f"P{n}": 2**n for n in names}, channels={f"P{n}": depth for n in names}
    )


def lateral_specs(made):
    """MapSpecs of levels "P2", ... -> those of the laterals "M2", ... below them."""
    return MapSpecs(
        strides=lateral_maps(made.strides), channels=lateral_maps(made.channels)
    )


def lateral_maps(of_levels):
    """{"P2": x, ...} -> {"M2": x, ...}, as Guo et al. (AugFPN, CVPR 2020) name them."""
    return {f"M{level[1:]}": x for level, x in of_levels.items()}


def check_stages(stages, strides, maps):
    """Raises ValueError where a stage is missing, or its stride is not its level's.

    Args:
      stages: {level: stage}.
      strides: {level: stride}.
      maps: MapSpecs of the backbone.
    """
    for level, stage in stages.items():
        check_stage(stage, maps.strides)
        if maps.strides[stage] != strides[level]:
            raise ValueError(
                f"{stage} has a stride of {maps.strides[stage]} and {level} one of "
                f"{strides[level]}: a pyramid needs stages of its levels' strides "
                "(output_stride: 32; a small_input_resnet with stem_stride: 2 and "
                "stem_pool), or levels that have them"
            )


def check_stage(stage, stages):
    """Raises ValueError where a stage is not among those of the backbone."""
    if stage not in stages:
        raise ValueError(f"the backbone has no {stage}, but {', '.join(stages)}")
