"""Lines, time left, and the word about a stall."""

import logging
import time

import pytest

from od_api.core import progress as module
from od_api.core.progress import Progress, duration


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="absl")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (42.4, "42 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_line_names_step_losses_rate_speed_and_time_left(lines):
    with Progress(first_step=0, last_step=4, batch_size=8, log_every=2) as progress:
        spoken = [
            progress.step_done(step, {"total_loss": 2.5}, 1e-3) for step in range(1, 5)
        ]
    assert [speed is not None for speed in spoken] == [False, True, False, True]
    first, line, last = lines()
    assert "from step 0 to 4" in first
    assert line.startswith("step 2/4  total_loss 2.5  lr 0.001  ")
    assert "images/s" in line and line.endswith("left")
    assert last.startswith("step 4/4")


class Clock:
    """Stands in for the module `time`."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


def test_speed_leaves_out_pauses(monkeypatch):
    """2 steps of 8 images in 1 + 1 s of training and 50 s of pause: 8 images/s."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    progress = Progress(first_step=0, last_step=9, batch_size=8, log_every=2)
    clock.now += 1
    progress.step_done(1, {}, 0.0)
    with progress.pause("evaluating"):
        clock.now += 50
    clock.now += 1
    assert progress.step_done(2, {}, 0.0) == pytest.approx(8.0)


def test_a_stall_says_what_it_waits_for(lines):
    progress = Progress(first_step=3, last_step=9, batch_size=1, stall_seconds=0.1)
    with progress, progress.pause("writing a checkpoint"):
        time.sleep(0.5)
    stalls = [line for line in lines() if "no step finished" in line]
    assert stalls
    assert "after step 3" in stalls[0] and "writing a checkpoint" in stalls[0]
