"""Rows of `od-api techniques` as a table, as JSON and as docs/techniques.md."""

import itertools
import json
import shutil

from od_api.techniques.technique_rows import SYSTEMS, TECHNIQUES

# A part of every config is in dozens of them.
CONFIGS_SHOWN = 2
_HEAD = """# Techniques

Every part that a config can choose, by family, and the systems that a shipped config is
of. `make techniques-page` makes this page of `od-api techniques --format markdown`; the
class docstrings, the schema and `configs/` are its sources.

The field is written as in a config; the innermost name is the file of the part in
`od_api/<family>/`, up to names that the schema has from the old API. Of the shipped
configs that use a part the one comes first that is a technique's and names it itself.
What a test shows is the first line of its module, `tests/<family>/test_<part>.py`.

Under "techniques" is what `benchmarks/techniques.py` measures: each config of
`configs/techniques/` and its base, both at toy scale (96 px, narrow networks that were
pre-trained on other scenes, 1,000 steps of synthetic images). That shows that a
technique trains and what it costs, and not which is better at full size. A number that
is not there was not measured yet; it is "stale" where the config or its part is another
one since. Techniques that come out more than .05 below the range of their base are
looked into: [techniques_looked_into.md](techniques_looked_into.md) says what was found.
"""


def as_json(rows):
    """A list of objects with the attributes of Row."""
    plain = [
        row._asdict() | {"measured": row.measured and row.measured._asdict()}
        for row in rows
    ]
    return json.dumps(plain, indent=2, ensure_ascii=False)


def as_table(rows, width=None):
    """Lines for a terminal: family, name, field, source and the first config.

    Args:
      rows: Rows.
      width: of a line in characters; None is the terminal's, and at least 100.
    """
    width = width or max(shutil.get_terminal_size((160, 24)).columns, 100)
    head = ("family", "name", "config field", "source", "config")
    cells = [(r.family, r.name, r.text, r.source, _first(r.configs)) for r in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    # What is left after family and name belongs to the three that are long.
    room = max((width - widths[0] - widths[1] - 8) // 3, 16)
    widths[2:] = [min(room, w) for w in widths[2:]]
    return "\n".join(_line(row, widths) for row in (head, *cells))


def as_markdown(rows):
    """The page docs/techniques.md."""
    pieces = [_HEAD]
    for family, group in itertools.groupby(rows, key=lambda row: row.family):
        head, line = _LINES.get(family, (_HEAD_ROW, _row))
        pieces.append("\n".join([f"## {family}\n", *head, *map(line, group), ""]))
    return "\n".join(pieces)


FORMATS = {"table": as_table, "json": as_json, "markdown": as_markdown}

_HEAD_ROW = (
    "| part | message | config field | what | the test shows | source | configs |",
    "|---|---|---|---|---|---|---|",
)
_TECHNIQUE_HEAD = (
    "| technique | paper | kind | the tests show | base | mAP of the base | mAP "
    "| parameters | latency |",
    "|---|---|---|---|---|---|---|---|---|",
)
_SYSTEM_HEAD = ("| system | what | config |", "|---|---|---|")


def _row(row):
    cells = (
        row.name,
        row.message,
        f"`{row.text}`" if row.text else "",
        row.what,
        row.proves,
        row.source,
        _links(row.configs),
    )
    return f"| {' | '.join(map(_cell, cells))} |"


def _technique(row):
    found = row.measured or ("",) * 5
    cells = (_links(row.configs), row.source, ", ".join(row.kinds), row.proves, *found)
    return f"| {' | '.join(map(_cell, cells))} |"


def _system(row):
    return f"| {' | '.join(map(_cell, (row.name, row.what, _links(row.configs))))} |"


_LINES = {
    SYSTEMS: (_SYSTEM_HEAD, _system),
    TECHNIQUES: (_TECHNIQUE_HEAD, _technique),
}


def _links(configs):
    shown = [
        f"[{path.rpartition('/')[2]}](../{path})" for path in configs[:CONFIGS_SHOWN]
    ]
    more = len(configs) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _cell(text):
    return text.replace("|", "\\|")


def _first(configs):
    more = f" (+{len(configs) - 1})" if len(configs) > 1 else ""
    return f"{configs[0].rpartition('/')[2]}{more}" if configs else ""


def _line(cells, widths):
    cut = (
        text if len(text) <= width else f"{text[: width - 2]}.."
        for text, width in zip(cells, widths, strict=True)
    )
    padded = (text.ljust(width) for text, width in zip(cut, widths, strict=True))
    return "  ".join(padded).rstrip()
