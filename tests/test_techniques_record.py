"""benchmarks/techniques.json is of these configs and parts, and says what it should."""

import json
import pathlib

from od_api.techniques.digests import digest, technique_configs

ROOT = pathlib.Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "techniques.json"
LOOKED_INTO = ROOT / "docs" / "techniques_looked_into.md"


def record():
    return json.loads(RECORD.read_text())


def test_all_is_measured_and_none_is_stale():
    """Else: python benchmarks/techniques.py --only NAME ..., make techniques-page."""
    rows, configs = record()["techniques"], technique_configs()
    stale = [
        n for n in rows if n in configs and rows[n]["digest"] != digest(configs[n])
    ]
    assert stale == []
    assert sorted(rows) == sorted(configs)


def test_numbers_are_of_a_thousand_steps_and_three_seeds():
    for name, row in record()["techniques"].items():
        assert (row["steps"], row["seeds"]) == (1000, 3), name
        assert row["mAP"]["least"] <= row["mAP"]["mean"] <= row["mAP"]["most"], name
        assert row["latency_ms"] > 0 < row["bytes"], name


def test_what_is_far_below_its_base_was_looked_into():
    """The page says what was found, under the technique's name."""
    text = LOOKED_INTO.read_text()
    assert "to be looked into" not in text.lower()
    lines = text.splitlines()
    headings = {line.removeprefix("## ") for line in lines if line.startswith("## ")}
    assert headings <= set(technique_configs())
    assert set(record().get("looked_into", ())) <= headings
