"""The processor's name and cores, from what systems say of them."""

import os
import pathlib
import platform

import pytest

from od_api.system.processor import cores, cpu_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("flags\t: x\nmodel name\t: Fast: Mark 2\nmodel name\t: B\n", "Fast: Mark 2"),
        ("processor : 0\nHardware : Board\n", "Board"),
        ("processor : 0\n", "a-machine"),
    ],
)  # fmt: skip
def test_names(text, name, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path: text)
    monkeypatch.setattr(platform, "machine", lambda: "a-machine")
    assert cpu_name() == name


def test_a_system_without_the_file(monkeypatch):
    def gone(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(pathlib.Path, "read_text", gone)
    assert cpu_name() == platform.machine()


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    if hasattr(os, "sched_getaffinity"):
        assert cores() == len(os.sched_getaffinity(0)) <= os.cpu_count()
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 7})
        assert cores() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
    assert cores() == os.cpu_count()
