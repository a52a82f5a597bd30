"""Findings: sorted by how bad they are, spelt out up to a number, whole as JSON."""

import json

from od_api.data.findings import Finding, Report


def report():
    made = Report(files=1, records=3, decoded=2, boxes=5)
    made.per_class.update({"cat": 4, "dog": 1})
    made.add("note", "no_boxes", "0 boxes", file="a.record", record=1)
    for record in range(3):
        made.add("error", "no_image", "empty", file="a.record", record=record)
    made.add("warning", "wrong_size", "8x8", file="a.record", record=0, source_id="x")
    made.add("error", "no_records", "nothing to read")
    return made


def test_a_finding_names_its_place():
    assert str(Finding("error", "kind", "detail")) == "kind: detail"
    found = Finding("error", "kind", "detail", "a.record", 0, "x")
    assert str(found) == "kind: a.record record 0 (x): detail"
    assert "\x1b" not in str(Finding("error", "kind", "a\x1b[2J"))


def test_by_severity():
    made = report()
    assert [len(x) for x in (made.errors, made.warnings, made.notes)] == [4, 1, 1]


def test_text_has_counts_then_errors_first():
    lines = report().to_text(shown=2).splitlines()
    assert lines == [
        "3 records in 1 files, 2 images decoded, 5 boxes",
        "  cat: 4",
        "  dog: 1",
        "error: no_image: a.record record 0: empty",
        "error: no_image: a.record record 1: empty",
        "error: no_image: 1 more",
        "error: no_records: nothing to read",
        "warning: wrong_size: a.record record 0 (x): 8x8",
        "note: no_boxes: a.record record 1: 0 boxes",
        "4 errors, 1 warnings, 1 notes",
    ]


def test_lines_of_some_kinds():
    assert report().lines("error", kinds={"no_records"}) == [
        "error: no_records: nothing to read"
    ]


def test_json_has_all_of_them():
    found = json.loads(report().to_json())
    assert found["ok"] is False and len(found["findings"]) == 6
    assert found["per_class"] == {"cat": 4, "dog": 1} and found["records"] == 3
    assert found["findings"][4]["source_id"] == "x"
    assert json.loads(Report().to_json())["ok"] is True
