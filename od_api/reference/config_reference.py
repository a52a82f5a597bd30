"""`od-api config reference`: every message and field of the schema, as Markdown.

docs/config_reference.md is what this prints.
"""

import functools
import pathlib
import re

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.core.registry import is_slot
from od_api.data.class_names import did_you_mean, nearest_text
from od_api.reference.field_rows import (
    PACKAGE,
    REFUSED,
    USED,
    meaning_of,
    messages,
    rows_of,
)

_HEAD = """\
# Config reference

Every message and field that a `pipeline.config` may hold, beginning with the whole of
it, `TrainEvalPipelineConfig`. `od-api config reference` prints this page, and
`od-api config reference NAME` the part about a message or a field; `od-api config
explain FILE` says what a config of yours does, and
[shipped_configs.md](shipped_configs.md) lists the configs to begin with.

* **Default**: what holds where the field is not set.
* **Becomes**: *used*; *no effect*, which the log says; or *refused*, an error. What
  stands in a refused field, or in one without effect, is left out here.
* A **+** behind a name: a field beyond the old API's schema.
* **Trap**: the row of [migrating.md](migrating.md) that tells how the old API differed.
"""
_PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "migrating.md"
_NAMED = re.compile(r"`(?:\w+\.)*([a-z]+_\w+)(?::[^`]*)?`")
_TRAP = re.compile(r"^\| (\d+) \| (.*)$", re.MULTILINE)


def config_reference(name=None):
    """The page as text; or the part of it about a message or field.

    Args:
      name: of messages or fields, as they are written; None: all.

    Raises:
      UserError: there is none of this name.
    """
    parts = messages()
    if name is None:
        return "\n".join([_HEAD, *map(_section, parts)])
    named = [_section(d) for d in parts if d.name == name]
    for descriptor in parts:
        rows = [row for row in rows_of(descriptor) if row.name == name]
        if rows:
            named.append(_table(descriptor, rows))
    if not named:
        known = {row.name for d in parts for row in rows_of(d)} | {
            d.name for d in parts
        }
        raise UserError(
            f"the schema has no message or field {printable(name)!r}"
            f"{did_you_mean(name, nearest_text(name, known))}"
        )
    return "\n".join(named)


def _section(descriptor):
    return _table(descriptor, rows_of(descriptor))


def _table(descriptor, rows):
    """Heading, meaning and fields of a message."""
    lines = [f"## {descriptor.full_name.removeprefix(PACKAGE)}", ""]
    if said := meaning_of(descriptor):
        lines += [_cell(said), ""]
    if not rows:
        return "\n".join([*lines, "It has no fields.", ""])
    if is_slot(descriptor):
        lines += ["One of:", ""]
    lines += ["| field | type | default | meaning | becomes | trap |", "|---" * 6 + "|"]
    lines += [_line(descriptor, row) for row in rows]
    return "\n".join([*lines, ""])


def _line(descriptor, row):
    becomes = row.status if row.status == USED else f"{row.status}: {row.why}"
    if row.status == REFUSED:
        becomes = f"**{row.status}**: {row.why}"
    if row.note:
        becomes += f"; {row.note}"
    cells = [
        f"`{row.name}`" + ("**+**" if row.since == "new" else ""),
        _linked(row),
        f"`{row.default}`" if row.default else "",
        _cell(row.meaning),
        _cell(becomes),
        ", ".join(map(str, _traps().get(row.name, ()))),
    ]
    return f"| {' | '.join(cells)} |"


def _linked(row):
    """The type, with a link to the message's section."""
    if row.message is None or row.status != USED:
        return _cell(row.type)
    name = row.message.full_name.removeprefix(PACKAGE)
    anchor = name.lower().replace(".", "")
    return _cell(row.type).replace(name, f"[{name}](#{anchor})")


def _cell(text):
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


@functools.cache
def _traps():
    """{field: numbers of the rows of migrating.md that name it}; {} without it."""
    if not _PAGE.is_file():
        return {}
    found = {}
    for number, row in _TRAP.findall(_PAGE.read_text("utf-8")):
        # The last cell names tests. Single words may be of other fields.
        cells = " ".join(row.split(" | ")[:-1])
        for name in sorted(set(_NAMED.findall(cells))):
            found.setdefault(name, []).append(int(number))
    return found
