"""The live lines of training, by a clock that is told."""

import pytest
from rich.console import Console

from od_api.training.live_line import LiveLine


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def text(line):
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(line)
    return capture.get()


def test_pace_is_a_mean_without_compiling_and_evaluating(clock):
    """4 images in 2 s a step are 2 images/s; 96 steps of 2 s are 3 min 12 s."""
    line = LiveLine(first_step=0, last_step=100, batch_size=4, clock=clock)
    clock.now += 7
    assert "step 0/100" in text(line) and "compiling the first step, 7 s" in text(line)
    clock.now += 30
    line.step_done(1, {"total_loss": 5.0}, 0.1)
    assert "images/s" not in text(line)
    for step in (2, 3):
        clock.now += 2
        line.step_done(step, {"total_loss": 2.5, "box": 0.125}, 0.05)
    line.busy("evaluating")
    clock.now += 60
    assert "evaluating, 1 min 00 s" in text(line)
    line.busy("")
    clock.now += 2
    line.step_done(4, {"total_loss": 2.5, "box": 0.125}, 0.05)
    assert "step 4/100" in text(line) and "2.0 images/s  3 min 12 s left" in text(line)
    assert "total_loss 2.5  box 0.125  lr 0.05" in text(line)
    clock.now += 10
    assert "2.0 images/s  3 min 12 s left" in text(line)
    clock.now += 1
    assert "(this step: 11 s)" in text(line)


def test_the_metric_stays(clock):
    line = LiveLine(first_step=5, last_step=9, batch_size=1, clock=clock)
    line.measured("mAP", 0.51249, 6)
    line.step_done(7, {"a\x1b[31m": 1.0}, 0.0)
    assert "mAP 0.512 at step 6" in text(line)
    assert "\x1b" not in text(line)


def test_long_lines_are_cut(clock):
    line = LiveLine(first_step=0, last_step=9, batch_size=1, clock=clock)
    line.step_done(1, {f"loss_number_{i}": float(i) for i in range(40)}, 0.1)
    assert len(text(line).strip().splitlines()) == 2
