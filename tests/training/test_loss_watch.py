"""When the loss says that training has diverged: not finite, or ever growing."""

import math

import pytest

from od_api.checkpoints.finite_weights import TrainingDiverged
from od_api.training.loss_watch import LossWatch
from od_api.training.synchronous import FinishedStep


def look(values, watch=None):
    """The number of the step at which training is called diverged, or None."""
    watch = watch or LossWatch()
    for step, value in enumerate(values, 1):
        losses = {"box_loss": value, "total_loss": value}
        try:
            watch.look(FinishedStep(step, losses, lambda: ["a.jpg", "b\x1b.jpg"]))
        except TrainingDiverged as error:
            return step, str(error)
    return None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_finite_names_step_term_and_images(value):
    step, message = look([3.0, 2.0, value])
    assert step == 3
    assert "at step 3 box_loss is not finite; the images of the batch: a.jpg" in message
    assert "\x1b" not in message


def test_beyond_return():
    """2e12 is more than 1e12 times the lowest, which counts as 1."""
    step, message = look([0.5, 2e12])
    assert step == 2
    assert "grows without end: total_loss is 2e+12, and was 0.5" in message


def test_far_away_for_twenty_steps():
    """Grows to 2e4 and stays there, as a linear loss does: the lowest was 1.5."""
    assert look([1.5] * 5 + [2e4] * 30)[0] == 25


@pytest.mark.parametrize(
    "values",
    [
        [1e7, 1e6, 1e3, 10.0, 1.0],
        [2.0, *[1e9] * 19, 2.0, *[1e9] * 19, 2.0],
        [1e-9, *[5e3] * 100],
        [1e5, *[1e8] * 100],
        [0.0] * 30,
        [-2.0] * 30,
    ],
    ids=[
        "bad start",
        "outliers",
        "from nothing",
        "large by nature",
        "zero",
        "negative",
    ],
)
def test_what_training_comes_back_from(values):
    assert look(values) is None
