"""What is free is the least that anybody says."""

import pathlib

import pytest

from od_api.system import free_memory

MEMINFO = "MemTotal: 9000 kB\nMemAvailable:   2000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"meminfo": MEMINFO}, 2_048_000),
        ({"meminfo": MEMINFO, "memory.max": "1000000\n"}, 1_000_000),
        ({"meminfo": MEMINFO, "memory.max": "max\n"}, 2_048_000),
        ({"meminfo": "", "memory.limit_in_bytes": "7"}, 7),
        ({}, None),
    ],
)
def test_the_least_counts(files, expected, monkeypatch):
    """Kilobytes of 1024; a container without a limit says "max"."""

    def read_text(path, encoding):
        try:
            return files[path.name]
        except KeyError as error:
            raise FileNotFoundError from error

    monkeypatch.setattr(pathlib.Path, "read_text", read_text)
    assert free_memory.free_memory() == expected
