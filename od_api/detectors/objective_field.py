"""The objective of a stage: what the old fields mean, and what is set above them."""

from od_api.core.errors import ConfigError
from od_api.core.message_fields import is_repeated
from od_api.core.registry import build, build_each
from od_api.core.warn_once import warn_once


def objective_of(message, from_old_fields, replaced, layers, **context):
    """The objective that a detector's message describes.

    A `matched` objective that is set stands above what the old fields say: what it does
    not set stays. One of another kind takes their place.

    Args:
      message: the detector's message.
      from_old_fields: message -> (Objective, {place in it: place in the message}).
      replaced: names of the old fields: those that are set and have no effect are said.
      layers: [(place in the message, Objective or None)], each above those before.
      **context: for the parts.

    Raises:
      ConfigError: a part cannot be built.
    """
    objective, places = from_old_fields(message)
    for place, given in layers:
        if given is None:
            continue
        kind = given.WhichOneof("objective_oneof")
        if kind == "matched" and objective.HasField("matched"):
            places = _above(objective.matched, given.matched, places, place)
            continue
        if kind is None:
            names = ", ".join(f.name for f in given.DESCRIPTOR.fields)
            raise ConfigError(f"is empty: set one of {names}", place)
        objective, places = given, {kind: f"{place}.{kind}"}
        _say_what_is_replaced(message, place, replaced)
    try:
        return build(objective, **context)
    except ConfigError as error:
        raise error.moved(places) from error


def set_objective(message, field):
    """The Objective in a field of a message, or None."""
    return getattr(message, field) if message.HasField(field) else None


def columns_of(message):
    """The column parts of a message's `columns`; no two of one name.

    Raises:
      ConfigError: as said.
    """
    columns = build_each(message, "columns")
    names = [column.name for column in columns]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ConfigError(f"{name} is there already", f"columns[{i}]")
    return columns


def _above(matched, given, places, place):
    """Sets in `matched` what `given` sets; returns where users find everything then."""
    for field, _ in given.ListFields():
        start = f"matched.{field.name}"
        places = {k: v for k, v in places.items() if not k.startswith(start)}
        places[start] = f"{place}.{start}"
        if is_repeated(field):
            matched.ClearField(field.name)
    matched.MergeFrom(given)
    return places


def _say_what_is_replaced(message, place, replaced):
    name = message.DESCRIPTOR.name
    for old in replaced:
        if message.HasField(old):
            warn_once(f"{name}.{old} has no effect: {place} takes its place")
