"""The objective of a detector's message: its own field, or what the old fields mean."""

from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_each, build_field
from od_api.core.warn_once import warn_once


def objective_of(message, field, replaced, from_old_fields, **context):
    """The objective that a field of a message holds or, unset, its old fields mean.

    Args:
      message: a detector's message.
      field: of the message, an Objective.
      replaced: names of the old fields; one that is set beside `field` (a config's base
        may set it) has no effect, which is said once.
      from_old_fields: message -> (Objective, {place in it: place in the message}).
      **context: for the parts.

    Raises:
      ConfigError: a part cannot be built.
    """
    if message.HasField(field):
        _say_what_is_replaced(message, field, replaced)
        return build_field(message, field, **context)
    objective, places = from_old_fields(message)
    try:
        return build(objective, **context)
    except ConfigError as error:
        raise error.moved(places) from error


def _say_what_is_replaced(message, field, replaced):
    name = message.DESCRIPTOR.name
    for old in replaced:
        if message.HasField(old):
            warn_once(f"{name}.{old} has no effect: {field} takes its place")


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
