"""Servers that run, are stopped, or are not there."""

import os
import threading

import pytest
from server_kit import listening

from od_api.training import server_probe
from od_api.training.server_probe import accepts, answers, is_stuck, watch


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(server_probe, "_PROBE_SECONDS", 0.5)


def test_a_server_that_runs_and_then_ends():
    with listening() as address:
        assert accepts(address)
        assert answers(address)
        assert not is_stuck(address)
    assert not accepts(address)
    assert not answers(address)
    assert not is_stuck(address)


def test_a_server_that_is_stopped():
    """The system accepts connections in its name."""
    with listening(greets=False) as address:
        assert accepts(address)
        assert not answers(address)
        assert is_stuck(address)


def test_no_such_host():
    for address in (f"{'a' * 300}:1", "[::1:1"):
        assert not accepts(address)
        assert not answers(address)


class Heart:
    """A pipe, and what `watch` printed by the time it ended."""

    def __init__(self, seconds, addresses):
        self._read, self.write = os.pipe()
        args = (seconds, addresses, self._read)
        self._thread = threading.Thread(target=watch, args=args)
        self._thread.start()

    def end(self):
        os.close(self.write)
        self._thread.join(60)
        os.close(self._read)
        return not self._thread.is_alive()


def test_who_is_stuck_is_named_once_while_no_heart_beats(capfd):
    with listening() as runs, listening(greets=False) as stopped:
        addresses = {"worker 0": runs, "worker 1": stopped, "ps 0": "127.0.0.1:1"}
        heart = Heart(0.01, addresses)
        said = ""
        while said.count("\n") < 1:
            said += capfd.readouterr().err
        os.write(heart.write, b".")
        while said.count("\n") < 2:
            said += capfd.readouterr().err
        assert heart.end()
    for line in said.splitlines()[:2]:
        assert line.startswith(f"WARNING: worker 1 ({stopped}) does not answer")
    assert "worker 0" not in said
    assert "ps 0" not in said


def test_nothing_is_asked_before_its_time(monkeypatch):
    monkeypatch.setattr(server_probe, "is_stuck", lambda address: 1 / 0)
    heart = Heart(float("inf"), {"worker 0": "a:1"})
    os.write(heart.write, b"..")
    assert heart.end()
