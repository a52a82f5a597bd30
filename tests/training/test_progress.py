"""Lines, time left, and the word about a stall."""

import logging
import time

import pytest

from od_api.training import progress as module
from od_api.training.progress import Progress, duration


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
    first, compiled, line, last = lines()
    assert "from step 0 to 4" in first
    assert compiled.startswith("step 1/4  total_loss 2.5") and "compile" in compiled
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


def spoken_steps(lines):
    return [int(line.split("/")[0][5:]) for line in lines() if line.startswith("step ")]


@pytest.mark.parametrize("first_step", [0, 50])
def test_first_and_tenth_step_have_a_line(lines, first_step):
    progress = Progress(first_step=first_step, last_step=900, batch_size=1)
    for step in range(first_step + 1, first_step + 60):
        progress.step_done(step, {}, 0.0)
    regular = [100] if first_step else []
    assert spoken_steps(lines) == [first_step + 1, first_step + 10, *regular]


@pytest.mark.parametrize("log_every", [0, 1000])
def test_slow_steps_have_a_line_every_half_minute(lines, monkeypatch, log_every):
    """Steps of 12 s: after those of 1 and 10, three of them make the 30 s full."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    progress = Progress(first_step=0, last_step=900, batch_size=6, log_every=log_every)
    speeds = {}
    for step in range(1, 17):
        clock.now += 12
        speeds[step] = progress.step_done(step, {}, 0.0)
    assert spoken_steps(lines) == [1, 4, 7, 10, 13, 16]
    assert speeds[1] is None and speeds[4] == pytest.approx(0.5)


def test_long_work_is_named_at_twice_the_interval_each_time(lines, monkeypatch):
    """A clock that goes 10 s a look: said after 30 s, and again 60 s later."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    progress = Progress(first_step=0, last_step=9, batch_size=1)
    looks = iter(range(10))

    def wait(_):
        clock.now += 10
        return next(looks, None) is None

    monkeypatch.setattr(progress._stop, "wait", wait)
    progress._watch()
    assert lines() == ["tracing and compiling the first step (after step 0)"] * 2


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_word_about_stalls_if_there_is_no_limit(lines, monkeypatch, seconds):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    progress = Progress(first_step=0, last_step=9, batch_size=1, stall_seconds=seconds)
    looks = iter(range(5))

    def wait(pause):
        assert pause == 5
        clock.now += 1e6
        return next(looks, None) is None

    monkeypatch.setattr(progress._stop, "wait", wait)
    progress._watch()
    assert not [line for line in lines() if "no step finished" in line]


def test_a_tiny_limit_warns_no_more_than_twice_a_minute(lines, monkeypatch):
    """Looks every 10 s for 100 s: a word at 10, 40, 70 and 100 s."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    progress = Progress(first_step=0, last_step=9, batch_size=1, stall_seconds=1e-4)
    looks = iter(range(10))

    def wait(pause):
        assert pause >= 0.05
        clock.now += 10
        return next(looks, None) is None

    monkeypatch.setattr(progress._stop, "wait", wait)
    progress._watch()
    assert len([line for line in lines() if "no step finished" in line]) == 4


def test_a_stall_says_what_it_waits_for(lines):
    progress = Progress(first_step=3, last_step=9, batch_size=1, stall_seconds=0.1)
    with progress, progress.pause("writing a checkpoint"):
        time.sleep(0.5)
    stalls = [line for line in lines() if "no step finished" in line]
    assert stalls
    assert "after step 3" in stalls[0] and "writing a checkpoint" in stalls[0]
