"""The scale of a float16 loss: applied, skipped, halved, doubled, kept."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.optim import loss_scale
from od_api.optim.loss_scale import LossScale


class Record:
    """What an update was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, gradients):
        self.calls.append(gradients)


def state(scale):
    return [float(scale.variables[f"loss_scale/{n}"]) for n in ("scale", "good_steps")]


def test_gradients_arrive_unscaled():
    """The gradient of 3 x is 3, whatever the scale; a variable without one has none."""
    scale, x = LossScale(), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        loss = scale.scaled(3 * x)
    assert float(loss) == 6 * 2**15
    update = Record()
    scale.apply({"x": tape.gradient(loss, x), "unused": None}, update)
    assert float(update.calls[0]["x"]) == 3 and update.calls[0]["unused"] is None
    assert state(scale) == [2**15, 1]


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_step_that_overflows_is_skipped_and_halves(value):
    """One bad number of two gradients is enough; good steps start anew."""
    scale, update = LossScale(), Record()
    scale.apply({"x": tf.ones([2])}, update)
    scale.apply({"x": tf.ones([2]), "y": tf.constant([1.0, value])}, update)
    assert len(update.calls) == 1
    assert state(scale) == [2**14, 0]


def test_the_scale_doubles_after_enough_good_steps(monkeypatch):
    monkeypatch.setattr(loss_scale, "_GROWTH_STEPS", 3)
    scale = LossScale()
    for expected in ([2**15, 1], [2**15, 2], [2**16, 0], [2**16, 1]):
        scale.apply({"x": tf.ones([])}, Record())
        assert state(scale) == expected


def test_the_scale_never_falls_below_1():
    scale = LossScale()
    for _ in range(20):
        scale.apply({"x": tf.constant(np.inf)}, Record())
    assert state(scale) == [1, 0]


def test_in_a_graph_a_bad_step_changes_nothing():
    scale, x = LossScale(), tf.Variable(1.0)

    @tf.function
    def step(gradient):
        scale.apply({"x": gradient}, lambda g: x.assign_sub(g["x"]))

    step(tf.constant(2.0**15))
    assert float(x) == 0
    step(tf.constant(np.nan))
    assert float(x) == 0 and state(scale) == [2**14, 0]
