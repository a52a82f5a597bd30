"""The layers of a detector, from the names of its variables."""

import re
from typing import NamedTuple

# What batch norm is called beside its convolution: (layer, unit of both).
_NORMS = (
    (r"(head/.*tower_.*/norm\d+)", r"\1"),
    (r"(head/[^/]+/(?:class|box)_[^/]+)/norm", r"\1/depthwise"),
    (r"(.*)/norm", r"\1"),
    (r"(.*)_(?:bn|BN|BatchNorm)", r"\1"),
    (r"(.*)/bn_Conv1", r"\1/Conv1"),
    (r"(.*)/batch_normalization((?:_\d+)?)", r"\1/conv2d\2"),
)
_NO_NORMS = ((r"(.*)/conv", r"\1"), (r"(.*)_conv", r"\1"))


class Unit(NamedTuple):
    """A layer.

    Attributes:
      layer: the name of its variables without the last part.
      name: the name that a convolution and its batch norm have in common.
      is_norm: whether it is batch norm.
      leaves: {last part of a variable's name: whole name}.
    """

    layer: str
    name: str
    is_norm: bool
    leaves: dict


class Layout(NamedTuple):
    """What the names of old layers are counted by.

    Attributes:
      levels: names of the maps that the head reads, finest first.
      lowest: number of the finest level of the pyramid, such as 3 of P3.
      top: number of the coarsest level that is made of a stage.
      mask_convs: units of the mask head, in order.
    """

    levels: tuple
    lowest: int
    top: int
    mask_convs: tuple


def units_of(names):
    """The Units of {name: ..} of variables, in their order; random state left out."""
    leaves = {}
    for name in names:
        layer, _, leaf = name.rpartition("/")
        if leaf != "seed_generator_state":
            leaves.setdefault(layer, {})[leaf] = name
    return [_unit(layer, found) for layer, found in leaves.items()]


def layout_of(units):
    """The Layout of a detector."""
    heads = re.compile(
        r"(?:head|rpn)/[^/]+/(?:(?:box|class)_|(?:box_|class_)?tower_)([CEP]\d.*)"
    )
    levels, laterals, masks = {}, [], {}
    for unit in units:
        if match := heads.fullmatch(unit.name):
            levels[match[1].partition("/")[0]] = None
        if match := re.fullmatch(r"neck/[^/]+/lateral_P(\d+)", unit.name):
            laterals.append(int(match[1]))
        if match := re.fullmatch(r"head/[^/]+/mask/convs/(.+)", unit.name):
            masks[match[1]] = None
    laterals = laterals or [0]
    return Layout(tuple(levels), min(laterals), max(laterals), tuple(masks))


def _unit(layer, leaves):
    is_norm = "moving_mean" in leaves
    for pattern, name in _NORMS if is_norm else _NO_NORMS:
        if match := re.fullmatch(pattern, layer):
            return Unit(layer, match.expand(name), is_norm, leaves)
    return Unit(layer, layer, is_norm, leaves)
