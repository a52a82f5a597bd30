"""Bars on a terminal, lines elsewhere."""

import io
import logging
import sys
import time

import pytest
from absl import logging as absl_logging

from od_api.system import terminal


@pytest.fixture
def lines(caplog, monkeypatch):
    """What is said; half a minute becomes no time at all."""
    monkeypatch.setattr(terminal, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(terminal, "_LOOK_SECONDS", 0.01)
    caplog.set_level(logging.INFO, logger="absl")
    return lambda: [record.getMessage() for record in caplog.records]


def wait_for(lines, words):
    ends = time.monotonic() + 60
    while not any(words in line for line in lines()):
        assert time.monotonic() < ends, lines()
        time.sleep(0.01)


def test_elsewhere_lines_tell_how_far_it_is(lines, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    items = terminal.tracked(iter("ab"), "counting", 2)
    assert next(items) == "a"
    wait_for(lines, "counting: 0 of 2 done in 0 s")
    assert next(items) == "b"
    wait_for(lines, "counting: 1 of 2 done in 0 s")
    assert list(items) == [] and sys.stderr.getvalue() == ""
    for _ in terminal.tracked(iter("a"), "counting"):
        wait_for(lines, "counting: 0 done in 0 s")


def test_the_innermost_is_asked(lines):
    with terminal.busy("outside"), terminal.busy("inside"):
        wait_for(lines, "inside")
    assert "outside" not in lines()
    with terminal.busy("outside"):
        wait_for(lines, "outside")


def test_nothing_is_said_while_others_speak(monkeypatch):
    """The half minute counts from the last line, or from the start."""
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    ear, asked = terminal._Ear(), []
    for words in (str, int):
        ear.listen_for(words)
    now[0] += 28
    asked.append(ear.asks(int))
    absl_logging.warning("a line")
    now[0] += 28
    asked.append(ear.asks(int))
    now[0] += 1
    asked += [ear.asks(str), ear.asks(int)]
    for words in (str, int):
        ear.forget(words)
    absl_logging.warning("unheard")
    assert asked == [False, False, False, True]
    assert ear._heard == 128


def test_a_terminal_has_bars_and_lines_above_them(lines, pseudo_terminal):
    """A bar within another; a log line is written in full; nothing else is said."""
    stream = absl_logging.get_absl_handler().python_handler.stream
    with pseudo_terminal as shown:
        for _ in terminal.tracked(["a"], "outer"):
            with terminal.busy("some work"):
                shown.wait_for("outer")
                shown.wait_for("0/1")
                shown.wait_for("some work")
                handler = absl_logging.get_absl_handler().python_handler
                handler.emit(logging.makeLogRecord({"msg": "a line", "levelno": 20}))
                shown.wait_for("a line")
    assert absl_logging.get_absl_handler().python_handler.stream is stream
    assert lines() == []


@pytest.mark.parametrize("kind", ["dumb", "file"])
def test_no_escapes_where_nothing_can_be_written_over(
    kind, pseudo_terminal, monkeypatch
):
    with pseudo_terminal as shown:
        if kind == "dumb":
            monkeypatch.setenv("TERM", "dumb")
        else:
            monkeypatch.setattr(sys, "stderr", io.StringIO())
            monkeypatch.setenv("FORCE_COLOR", "1")
        assert not terminal.is_live()
        assert list(terminal.tracked(["a"], "outer")) == ["a"]
        with terminal.busy("work"), terminal.live("work") as is_shown:
            assert not is_shown
    assert shown.text == ""
