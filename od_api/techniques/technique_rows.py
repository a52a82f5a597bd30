"""The rows of `od-api techniques`: one a registered part, and one a system."""

import inspect
from typing import NamedTuple

from google.protobuf import descriptor_pool

from od_api.core.registry import FAMILIES, ignored_fields, registered
from od_api.techniques.docstring_sources import source_of
from od_api.techniques.schema_places import places
from od_api.techniques.shipped_configs import shipped_configs

SYSTEMS = "systems"


class Row(NamedTuple):
    """A technique.

    Attributes:
      family: the folder in od_api/, or "systems".
      name: the part's file without its ending; of a system as its config says.
      message: `file.proto Message`; "" of a system.
      fields: `Parent.field` of all fields of the schema that hold the message.
      text: how a config sets it.
      what: the first line of its docstring, or the config's header.
      source: the publication; "" where none is named.
      configs: shipped configs that use it; first a technique's own.
      ignored: {field: why it has no effect}.
    """

    family: str
    name: str
    message: str
    fields: list
    text: str
    what: str
    source: str
    configs: list
    ignored: dict


def technique_rows(configs=None):
    """All Rows, family by family, then the systems.

    Args:
      configs: ShippedConfigs; None reads those of the repository.
    """
    configs = shipped_configs() if configs is None else configs
    where = places()
    parts = [
        _part(name, part, where.get(name), configs)
        for name, part in registered().items()
    ]
    parts.sort(key=lambda row: (FAMILIES.index(row.family), row.name, row.message))
    return parts + _systems(configs)


def _part(name, part, place, configs):
    family, stem = part.__module__.split(".")[1:3]
    return Row(
        family=family,
        name=stem,
        message=_in_schema(name),
        fields=place.fields if place else [],
        text=place.text if place else "",
        what=inspect.getdoc(part).split("\n")[0],
        source=source_of(part),
        configs=_examples(name, configs),
        ignored=dict(ignored_fields(name)),
    )


def _examples(message, configs):
    """Paths of the configs that set a message, the plainest first."""
    having = [config for config in configs if message in config.messages]
    return [c.path for c in sorted(having, key=lambda c: c.rank(message))]


def _systems(configs):
    rows = [
        Row(SYSTEMS, name, "", [], "", config.title, config.source, [config.path], {})
        for config in configs
        for name in config.systems
    ]
    return sorted(rows, key=lambda row: (row.name, row.configs))


def _in_schema(full_name):
    """ "file.proto Message" of a message."""
    found = descriptor_pool.Default().FindMessageTypeByName(full_name)
    file = found.file.name.rpartition("/")[2]
    return f"{file} {full_name.removeprefix(f'{found.file.package}.')}"
