"""The rows of `od-api techniques`: one a registered part, a technique and a system."""

import inspect
from typing import NamedTuple

from google.protobuf import descriptor_pool

from od_api.core.registry import FAMILIES, ignored_fields, registered
from od_api.techniques import comparisons
from od_api.techniques.digests import part_files, technique_configs
from od_api.techniques.docstring_sources import source_of
from od_api.techniques.schema_places import places
from od_api.techniques.shipped_configs import shipped_configs

SYSTEMS = "systems"
TECHNIQUES = "techniques"
# Messages that are no parts, and the folder of what they set.
_OUTSIDE = {
    "od_api.protos.Chips": "data",
    "od_api.protos.ImagePyramid": "evaluation",
    "od_api.protos.RegionStage": "detectors",
}


class Row(NamedTuple):
    """A technique.

    Attributes:
      family: the folder in od_api/, "techniques" or "systems".
      name: the part's file without its ending; a technique's config without it; of a
        system as its config says.
      message: `file.proto Message`; "" of what is no part.
      fields: `Parent.field` of all fields of the schema that hold the message.
      text: how a config sets it.
      what: the first line of its docstring, or the config's header.
      source: the publication; "" where none is named.
      configs: shipped configs that use it; first a technique's own.
      ignored: {field: why it has no effect}.
      kinds: families of the parts that a technique's config adds; of a part its own.
      proves: what the tests of the part or parts are for, as they say themselves; ""
        where there are no tests, as in an installed package.
      measured: a Comparison of a technique, or None.
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
    kinds: tuple = ()
    proves: str = ""
    measured: comparisons.Comparison | None = None


def technique_rows(configs=None):
    """All Rows, family by family, then the techniques and the systems.

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
    return parts + _techniques(configs) + _systems(configs)


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
        kinds=(family,),
        proves=comparisons.proof_of(f"{family}/{stem}.py"),
    )


def _techniques(configs):
    """One row a config of configs/techniques."""
    paths, rows = technique_configs(), []
    for config in configs:
        name = config.path.rpartition("/")[2].removesuffix(".config")
        if not config.is_technique or name not in paths:
            continue
        files = part_files(paths[name])
        rows.append(
            Row(
                TECHNIQUES,
                name,
                "",
                [],
                "",
                config.title,
                config.source,
                [config.path],
                {},
                kinds=_kinds(files, config.own),
                proves=" ".join(filter(None, map(comparisons.proof_of, files))),
                measured=comparisons.comparison(name, paths[name]),
            )
        )
    return rows


def _kinds(files, messages):
    """Families of parts, and what stands outside of them."""
    found = {file.split("/")[0] for file in files}
    found |= {kind for name, kind in _OUTSIDE.items() if name in messages}
    return tuple(sorted(found))


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
