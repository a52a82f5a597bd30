"""When training has diverged: numbers that are not finite, or grow without end."""

import math

import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints.divergence import (
    LossWatch,
    TrainingDiverged,
    not_finite,
    refuse_not_finite,
)
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


GROUPS = {
    "model": {"a": tf.constant([1.0, 2.0]), "steps": np.array([3])},
    "optimizer": {"a/m": np.array([0.0, np.inf], np.float32)},
    "ema": {"a": tf.constant([math.nan], tf.bfloat16)},
}


def test_names_of_what_is_not_finite():
    assert not_finite(GROUPS) == ["optimizer/a/m", "ema/a"]
    assert not_finite({"model": GROUPS["model"]}) == []


def test_weights_that_are_not_finite_end_training():
    refuse_not_finite(4, {"model": GROUPS["model"]})
    with pytest.raises(TrainingDiverged, match=r"after step 4 2 of .*optimizer/a/m"):
        refuse_not_finite(4, GROUPS)
