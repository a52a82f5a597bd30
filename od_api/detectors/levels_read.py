"""Which maps the two stages of a FasterRcnn message read."""

from typing import NamedTuple

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import MapSpecs


class LevelsRead(NamedTuple):
    """MapSpecs of what first stages read, and of what regions are read from."""

    proposals: MapSpecs
    regions: MapSpecs


def levels_read(message, backbone, neck):
    """The LevelsRead of a message, whose neck stands above the backbone.

    Raises:
      ConfigError: a level that no map has, or maps that do not go together.
    """
    maps = backbone.specs
    own = maps.levels[-1:]
    if neck is not None:
        made = neck.specs
        maps = MapSpecs(
            strides=maps.strides | made.strides, channels=maps.channels | made.channels
        )
        own = made.levels
    proposals = named_levels(message, "proposal_levels", maps, own)
    goes_on_from = backbone.levels[-1:] if backbone.second_stage else None
    regions = named_levels(
        message, "region_levels", maps, goes_on_from or proposals.levels
    )
    if goes_on_from and regions.levels != goes_on_from:
        raise ConfigError(
            f"is {', '.join(regions.levels)}, and the backbone's second stage goes on "
            f"from {goes_on_from[0]}: name that, or set second_stage: false in the "
            "backbone",
            "region_levels",
        )
    _refuse_stretched(regions, "region_levels")
    if len(set(regions.channels.values())) > 1:
        raise ConfigError(
            "regions of all maps go through one network, and the maps' channels "
            f"differ: {regions.channels}; name maps of equal depth",
            "region_levels",
        )
    return LevelsRead(proposals, regions)


def built_parts(extractor, backbone, neck, **context):
    """The backbone, and the neck above it or None, of their messages.

    Args:
      extractor: the message that the two are of: set in it, or what its type means.
      backbone, neck: Backbone and Neck messages; None for no neck.
      **context: for the parts.

    Raises:
      ConfigError: a part cannot be built, or does not fit.
    """
    made = []
    for field, part in (("backbone", backbone), ("neck", neck)):
        try:
            made.append(None if part is None else build(part, **context))
        except ConfigError as error:
            if extractor.HasField(field):
                error = error.within(field)
            raise error from None
    if neck is not None:
        place_above(made[1], made[0], stretched=True)
    return made


def place_above(neck, backbone, stretched=False):
    """Gives a neck its place above a backbone.

    Args:
      neck, backbone: the parts.
      stretched: cells may be higher than wide, or wider than high.

    Raises:
      ConfigError: at `neck`: it cannot work on the backbone's maps, or makes others
        than may be.
    """
    try:
        neck.follow(backbone.specs)
    except ValueError as error:
        raise ConfigError(str(error), "neck") from error
    if not stretched:
        _refuse_stretched(neck.specs, "neck")


def _refuse_stretched(maps, field):
    for level, stride in maps.strides.items():
        if not isinstance(stride, int):
            raise ConfigError(
                f"{level} has cells of {stride[0]} x {stride[1]} pixels, and what "
                "reads it takes square ones: name maps of such, or use another neck",
                field,
            )


def named_levels(message, field, maps, otherwise):
    """MapSpecs of the levels in a repeated field, or of others if it is empty.

    Raises:
      ConfigError: a level that no map has, or twice, or a coarse one before a fine one.
    """
    names = list(getattr(message, field)) or list(otherwise)
    for i, name in enumerate(names):
        place = f"{field}[{i}]" if getattr(message, field) else field
        if name in names[:i]:
            raise ConfigError(f"names {name} twice", place)
        try:
            maps.only([name])
        except ValueError as error:
            raise ConfigError(str(error), place) from error
    read = maps.only(names)
    strides = [s for s in read.strides.values() if isinstance(s, int)]
    if strides != sorted(strides):
        raise ConfigError(
            f"goes from coarse to fine, with strides of {strides}: name the finest "
            "map first",
            field,
        )
    return read
