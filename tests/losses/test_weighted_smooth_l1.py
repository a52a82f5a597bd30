"""The Huber loss."""

import kit
import numpy as np
import pytest

from od_api.losses.weighted_l2 import WeightedL2LocalizationLoss
from od_api.losses.weighted_smooth_l1 import WeightedSmoothL1LocalizationLoss


@pytest.mark.parametrize(
    ("difference", "value"), [(0.5, 0.125), (1, 0.5), (2, 1.5), (-3, 2.5), (0, 0)]
)
def test_values_of_the_study(difference, value):
    """0.5 d^2 up to 1, then |d| - 0.5."""
    loss = WeightedSmoothL1LocalizationLoss()
    np.testing.assert_allclose(loss(np.float32([difference]), np.float32([0])), value)


def test_sum_over_the_code():
    """0.125 + 0.5 + 1.5 + 2.5 = 4.625."""
    codes = np.float32([0.5, 1, 2, -3])
    loss = WeightedSmoothL1LocalizationLoss()(codes, np.zeros(4))
    np.testing.assert_allclose(loss, 4.625)


@pytest.mark.parametrize(
    ("difference", "value"), [(0.2, 0.02), (0.5, 0.125), (2, 0.875)]
)
def test_delta(difference, value):
    """Delta 0.5: 0.5 * 0.04; 0.5 * 0.25; 0.5 * (2 - 0.25)."""
    loss = WeightedSmoothL1LocalizationLoss(delta=0.5)
    np.testing.assert_allclose(
        loss(np.float32([difference]), np.float32([0])), value, rtol=1e-6
    )


def test_large_delta_is_l2():
    codes = np.random.default_rng(0).normal(0, 3, (5, 4)).astype(np.float32)
    targets = np.zeros_like(codes)
    kit.assert_same(
        WeightedSmoothL1LocalizationLoss(delta=100.0)(codes, targets),
        WeightedL2LocalizationLoss()(codes, targets),
    )


def test_gradient_is_the_clipped_difference():
    loss = WeightedSmoothL1LocalizationLoss()
    codes = np.float32([0.5, -0.25, 2, -3])
    (gradient,) = kit.check_gradients(lambda c: loss(c, np.zeros(4)), codes)
    np.testing.assert_allclose(gradient, [0.5, -0.25, 1, -1])


def test_delta_must_be_positive():
    with pytest.raises(ValueError, match="delta is 0"):
        WeightedSmoothL1LocalizationLoss(delta=0.0)


def test_kit():
    kit.check_localization_loss(WeightedSmoothL1LocalizationLoss())
