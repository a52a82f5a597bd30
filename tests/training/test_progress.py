"""Lines, time left, and the word about a stall."""

import logging
import time

import pytest

from od_api.system import terminal
from od_api.training import progress as module
from od_api.training.progress import Progress


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, logger="absl")
    return lambda: [record.getMessage() for record in caplog.records]


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
def test_slow_steps_have_a_line_before_half_a_minute_is_over(
    lines, monkeypatch, log_every
):
    """Steps of 12 s: a third one after a line would make it 36 s."""
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    progress = Progress(first_step=0, last_step=900, batch_size=6, log_every=log_every)
    speeds = {}
    for step in range(1, 10):
        clock.now += 12
        speeds[step] = progress.step_done(step, {}, 0.0)
    assert spoken_steps(lines) == [1, 3, 5, 7, 9]
    assert speeds[1] is None and speeds[3] == pytest.approx(0.5)


def test_what_it_is_busy_with_is_said_where_nothing_else_is(lines, monkeypatch):
    """Half a minute becomes no time at all; in a pause it is the pause's work."""
    monkeypatch.setattr(terminal, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(terminal, "_LOOK_SECONDS", 0.01)
    with Progress(first_step=3, last_step=9, batch_size=1) as progress:
        wait_for(lines, "tracing and compiling the first step (after step 3)")
        progress.step_done(4, {}, 0.0)
        wait_for(lines, "waiting for a training step (after step 4)")
        with progress.pause("evaluating"):
            wait_for(lines, "evaluating (after step 4)")
    assert not terminal._EAR._listening


def wait_for(lines, line):
    ends = time.monotonic() + 60
    while line not in lines():
        assert time.monotonic() < ends, lines()
        time.sleep(0.01)


def test_a_terminal_has_live_lines_and_fewer_others(lines, pseudo_terminal):
    """Step, loss, rate, speed, and the metric of an evaluation."""
    with (
        pseudo_terminal as shown,
        Progress(first_step=0, last_step=300, batch_size=2, log_every=200) as progress,
    ):
        progress._said -= 1000
        progress.step_done(1, {"total_loss": 2.5}, 1e-3)
        for step in (2, 3):
            progress._said -= 1000
            assert progress.step_done(step, {"total_loss": 1.25}, 1e-3) is not None
        progress.measured("Some/mAP", {"Some/mAP": 0.5})
        shown.wait_for("step 3/300")
        shown.wait_for("images/s")
        shown.wait_for("total_loss 1.25  lr 0.001  mAP 0.500 at step 3")
        with progress.pause("evaluating"):
            shown.wait_for("evaluating, 0 s")
    assert spoken_steps(lines) == [1], "2 and 3 are live alone"


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
