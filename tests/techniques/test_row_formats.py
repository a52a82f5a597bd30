"""Rows as table, JSON and page."""

import json

import pytest

from od_api.techniques.comparisons import Comparison
from od_api.techniques.row_formats import as_json, as_markdown, as_table
from od_api.techniques.technique_rows import SYSTEMS, TECHNIQUES, Row

CONFIGS = [f"configs/techniques/{name}.config" for name in "abc"]
ROWS = [
    Row(
        "losses",
        "l1",
        "losses.proto L1Loss",
        ["LocalizationLoss.l1"],
        "localization_loss { l1 {} }",
        "|d|.",
        "Doe, 2019",
        CONFIGS,
        {"x": "why"},
        ("losses",),
        "L1 by hand.",
    ),
    Row(
        TECHNIQUES,
        "a",
        "",
        [],
        "",
        "L1.",
        "Doe, 2019",
        CONFIGS[:1],
        {},
        ("losses",),
        "L1 by hand.",
        Comparison("plain", ".2", ".3", "+0", "+1.0 ms (+10 %)"),
    ),
    Row(SYSTEMS, "T1", "", [], "", "A system.", "", CONFIGS[:1], {}),
]


def test_json():
    part, technique, system = json.loads(as_json(ROWS))
    assert technique["measured"]["latency"] == "+1.0 ms (+10 %)"
    assert part["measured"] is None and part["proves"] == "L1 by hand."
    assert part["fields"] == ["LocalizationLoss.l1"] and part["configs"] == CONFIGS
    assert part["ignored"] == {"x": "why"} and system["family"] == "systems"


def test_table():
    head, part, _, system = as_table(ROWS, width=100).split("\n")
    assert head.split()[:2] == ["family", "name"]
    assert part.split()[:2] == ["losses", "l1"] and part.endswith("a.config (+2)")
    assert part.index("Doe, 2019") == head.index("source")
    assert system.split() == ["systems", "T1", "a.config"]


@pytest.mark.parametrize("width", [60, 100])
def test_table_cuts_what_is_long(width):
    long = ROWS[0]._replace(source="x" * 300)
    assert max(map(len, as_table([long], width).split("\n"))) <= 100


def test_markdown():
    """Bars are escaped, two configs are named."""
    page = as_markdown(ROWS)
    a, b = (f"[{n}.config](../configs/techniques/{n}.config)" for n in "ab")
    assert (
        "| l1 | losses.proto L1Loss | `localization_loss { l1 {} }` | \\|d\\|. "
        f"| L1 by hand. | Doe, 2019 | {a}, {b} and 1 more |\n"
    ) in page
    assert (
        f"| {a} | Doe, 2019 | losses | L1 by hand. | plain | .2 | .3 | +0 "
        "| +1.0 ms (+10 %) |\n"
    ) in page
    assert "## systems\n\n| system | what | config |\n" in page
    assert page.endswith(f"\n| T1 | A system. | {a} |\n")
