"""What feature pyramids share: their stages, levels and sums of neighbouring maps."""

from od_api.core import ranges
from od_api.core.types import MapSpecs

# Backbones end at stride 2^5; coarser levels are made of P5.
COARSEST_STAGE = 5

# Of stride 2^15, wider than the longest side of an image.
COARSEST_LEVEL = 15


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
                f"{strides[level]}: a pyramid needs a backbone whose output_stride is "
                "32, or a max_level below"
            )


def check_stage(stage, stages):
    """Raises ValueError where a stage is not among those of the backbone."""
    if stage not in stages:
        raise ValueError(f"the backbone has no {stage}, but {', '.join(stages)}")
