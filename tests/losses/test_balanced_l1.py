"""Balanced L1."""

import kit
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.losses.balanced_l1 import BalancedL1Loss
from od_api.protos import losses_pb2


def oracle(x, alpha=0.5, gamma=1.5, beta=1.0, steps=200_000):
    """The area under the gradient from 0 to |x|, in trapezoids."""
    b = np.exp(gamma / alpha) - 1
    t = np.linspace(0, abs(x), steps)
    gradient = np.where(t < beta, alpha * np.log(b * t / beta + 1), gamma)
    return np.sum((gradient[1:] + gradient[:-1]) / 2 * np.diff(t))


def value_and_gradient(x, **options):
    loss = BalancedL1Loss(**options)
    x = np.float32([x])
    (gradient,) = kit.check_gradients(lambda d: loss(d, np.zeros(1)), x)
    return loss(x, np.zeros(1)).numpy(), gradient.numpy()[0]


@pytest.mark.parametrize(
    ("x", "value", "gradient"),
    [
        (0.0, 0.0, 0.0),
        (0.1, 0.0313531, 0.533828),
        (0.5, 0.400568, 1.177720),
        (-0.5, 0.400568, -1.177720),
        (1.0, 1.078594, 1.5),
        (2.0, 2.578594, 1.5),
        (-2.0, 2.578594, -1.5),
    ],
)
def test_published_constants(x, value, gradient):
    """b = e^3 - 1 = 19.0855; .5 ln(19.0855 * .1 + 1) = .5338; 1.5 * 2 - .4214."""
    np.testing.assert_allclose(
        value_and_gradient(x), [value, gradient], rtol=2e-6, atol=1e-7
    )


@pytest.mark.parametrize("options", [{}, {"beta": 0.2}, {"alpha": 0.3, "gamma": 2.0}])
@pytest.mark.parametrize("x", [0.05, 0.3, 1.7])
def test_against_the_integral(x, options):
    value, _ = value_and_gradient(x, **options)
    np.testing.assert_allclose(value, oracle(x, **options), rtol=1e-5)


def test_no_jump_at_another_beta():
    """Value and gradient from both sides of 0.2 are equal; the gradient is gamma."""
    below, above = (value_and_gradient(x, beta=0.2) for x in (0.1999999, 0.2000001))
    np.testing.assert_allclose(below, above, rtol=1e-5)
    np.testing.assert_allclose(above[1], 1.5)


def test_sum_over_the_code():
    """.0313531 + .400568 + 1.078594 + 2.578594."""
    codes = np.float32([0.1, -0.5, 1, -2])
    np.testing.assert_allclose(
        BalancedL1Loss()(codes, np.zeros(4)), 4.0891091, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.0}, "alpha is 0"),
        ({"alpha": 0.01}, "gamma is 1.5; it must be in 0.0001..0.8"),
        ({"gamma": 0.001}, "gamma is 0.001"),
        ({"beta": -1.0}, "beta is -1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        BalancedL1Loss(**options)


def test_field():
    message = text_format.Parse(
        "balanced_l1 { alpha: 0.25 }", losses_pb2.LocalizationLoss()
    )
    loss = build(message)
    assert isinstance(loss, BalancedL1Loss) and loss.alpha == 0.25


def test_kit():
    kit.check_localization_loss(BalancedL1Loss())
