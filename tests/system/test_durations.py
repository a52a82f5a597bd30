"""Seconds in words."""

import pytest

from od_api.system.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (42.4, "42 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words
