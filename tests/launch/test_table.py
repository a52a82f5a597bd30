"""The table of roles and the screen that shows it below the log."""

import io
import os
import time
from types import SimpleNamespace

import pytest

from od_api.launch.screen import Screen
from od_api.launch.table import StatusFile, make_rows, plain_lines, style_of, summary
from od_api.launch.tasks import Role

REPORT = {
    "step": 120,
    "last_step": 1000,
    "images_per_second": 8.06,
    "staleness": {"mean": 1.93, "p95": 3.0},
    "workers": [
        {"steps": 61, "images_per_second": 4.52, "state": "training"},
        {"steps": 59, "images_per_second": 3.54, "state": "gone"},
    ],
}


def member(kind, index=0, state="running", pid=7):
    address = "" if kind == "evaluator" else f"127.0.0.1:{2000 + index}"
    return SimpleNamespace(role=Role(kind, index, address), pid=pid, state=state)


MEMBERS = [
    member("chief"),
    member("worker", 0),
    member("worker", 1, "starting again", None),
    member("ps"),
    member("evaluator"),
]


def test_rows_join_processes_and_report():
    """A worker whose process is not there is not what the chief believes of it."""
    rows = make_rows(MEMBERS, REPORT, fresh=True)
    assert rows[0] == ("chief", "127.0.0.1:2000", "7", "running", "120/1000", "8.1")
    assert rows[1] == ("worker 0", "127.0.0.1:2000", "7", "training", "61", "4.5")
    assert rows[2] == ("worker 1", "127.0.0.1:2001", "", "starting again", "59", "3.5")
    assert rows[3] == ("ps 0", "127.0.0.1:2000", "7", "running", "", "")
    assert rows[4] == ("evaluator", "", "7", "running", "", "")
    assert summary(REPORT) == "gradient staleness: mean 1.9, 95th percentile 3.0"


def test_old_report_says_nothing_of_now():
    rows = make_rows(MEMBERS, REPORT, fresh=False)
    assert [row.state for row in rows[:2]] == ["running", "running"]
    assert [row.steps for row in rows[:2]] == ["120/1000", "61"]
    assert [row.speed for row in rows] == [""] * 5


@pytest.mark.parametrize(
    "report", [{}, {"workers": 3, "staleness": []}, {"workers": [None], "step": 0}]
)
def test_anything_may_be_missing_from_a_report(report):
    rows = make_rows(MEMBERS, report, fresh=True)
    assert [row.state for row in rows[:2]] == ["running", "running"]
    assert summary(report) == ""


def test_status_file(tmp_path):
    path = tmp_path / "status.json"
    file = StatusFile(path)
    assert file.read() == ({}, False)
    path.write_text('{"step": 1')
    assert file.read() == ({}, False)
    path.write_text("[1]")
    assert file.read() == ({}, False)
    path.write_text('{"step": 1}')
    assert file.read() == ({"step": 1}, True)
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
    assert file.read() == ({"step": 1}, False)


def test_plain_columns_line_up():
    lines = plain_lines(make_rows(MEMBERS, REPORT, fresh=True), "below")
    assert lines[0].startswith("role       address         pid  state           steps")
    assert lines[3].startswith("worker 1   127.0.0.1:2001       starting again  59 ")
    assert lines[-1] == "below"


def test_colours_are_steady():
    names = ["chief", "worker 0", "worker 1", "ps 0", "evaluator"]
    assert len({style_of(name) for name in names}) == 5
    assert style_of("worker 1") == style_of("worker 1")


def table():
    return make_rows(MEMBERS, REPORT, fresh=True), summary(REPORT)


def test_plain_screen_writes_the_table_now_and_then():
    file = io.StringIO()
    with Screen(file, table, table_seconds=3600) as screen:
        screen.refresh()
        screen.line("worker 1", "x" * 200 + " [bold]not markup[/bold]")
        screen.refresh()
    lines = file.getvalue().splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("[cluster] role ")]
    assert len(heads) == 2  # At first, and at the end.
    assert lines[heads[1] - 1] == f"[worker 1] {'x' * 200} [bold]not markup[/bold]"


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self):
        return True


def test_terminal_screen_has_colours_and_a_live_table(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    file = Terminal()
    with Screen(file, table, table_seconds=3600) as screen:
        screen.line("worker 1", "[bold]not markup[/bold] \x1b[31mred\x1b[0m")
        screen.refresh(now=True)
    text = file.getvalue()
    assert "\x1b[33m[worker 1] \x1b[0m[bold]not markup[/bold] \x1b[31mred" in text
    assert "─" in text
    assert "120/1000" in text
    assert "starting again" in text
    assert "95th percentile 3.0" in text


def test_screen_survives_a_reader_that_went_away():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with Screen(Closed(), table, table_seconds=3600) as screen:
        screen.line("chief", "lost")
        assert screen.is_broken
