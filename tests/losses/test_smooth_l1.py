"""Smooth L1 with a beta."""

import kit
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.losses.l1_localization_loss import L1LocalizationLoss
from od_api.losses.smooth_l1 import SmoothL1Loss
from od_api.losses.weighted_smooth_l1 import WeightedSmoothL1LocalizationLoss
from od_api.protos import losses_pb2


def oracle(x, beta):
    """Both branches, as published."""
    x = abs(x)
    return 0.5 * x * x / beta if x < beta else x - 0.5 * beta


def value_and_gradient(x, beta):
    loss = SmoothL1Loss(beta=beta)
    x = np.float32([x])
    (gradient,) = kit.check_gradients(lambda d: loss(d, np.zeros(1)), x)
    return loss(x, np.zeros(1)).numpy(), gradient.numpy()[0]


@pytest.mark.parametrize(
    ("x", "beta", "value", "gradient"),
    [
        (0.0, 1.0, 0.0, 0.0),
        (0.5, 1.0, 0.125, 0.5),
        (2.0, 1.0, 1.5, 1.0),
        (0.1, 0.2, 0.025, 0.5),
        (-0.1, 0.2, 0.025, -0.5),
        (2.0, 0.2, 1.9, 1.0),
        (-2.0, 4.0, 0.5, -0.5),
    ],
)
def test_values(x, beta, value, gradient):
    """.5 * .1^2 / .2 = .025, slope .1 / .2; 2 - .2 / 2 = 1.9, slope 1."""
    np.testing.assert_allclose(
        value_and_gradient(x, beta), [value, gradient], rtol=1e-6
    )


@pytest.mark.parametrize("beta", [1 / 9, 0.5, 1.0, 3.0])
def test_against_the_formula_and_the_loss_with_delta(beta):
    rng = np.random.default_rng(0)
    codes, targets = rng.normal(0, 2, (2, 50, 4)).astype(np.float32)
    got = SmoothL1Loss(beta=beta)(codes, targets)
    want = [sum(oracle(x, beta) for x in row) for row in codes - targets]
    np.testing.assert_allclose(got, want, rtol=1e-5)
    other = WeightedSmoothL1LocalizationLoss(delta=beta)(codes, targets)
    np.testing.assert_allclose(got, other / beta, rtol=1e-5)


def test_a_beta_near_0_is_l1():
    rng = np.random.default_rng(1)
    codes, targets = rng.normal(0, 2, (2, 50, 4)).astype(np.float32)
    got = SmoothL1Loss(beta=1e-6)(codes, targets)
    np.testing.assert_allclose(got, L1LocalizationLoss()(codes, targets), rtol=1e-5)


def test_both_branches_meet_at_beta():
    below, above = (value_and_gradient(x, 0.2) for x in (0.1999999, 0.2000001))
    np.testing.assert_allclose(below, above, rtol=1e-5)
    np.testing.assert_allclose(above, [0.1, 1.0], rtol=1e-5)


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan")])
def test_bad_beta(beta):
    with pytest.raises(ValueError, match="beta is"):
        SmoothL1Loss(beta=beta)


def test_field():
    message = text_format.Parse(
        "smooth_l1 { beta: 0.25 }", losses_pb2.LocalizationLoss()
    )
    loss = build(message)
    assert isinstance(loss, SmoothL1Loss) and loss.beta == 0.25


@pytest.mark.parametrize("beta", [1 / 9, 1.0])
def test_kit(beta):
    kit.check_localization_loss(SmoothL1Loss(beta=beta))
