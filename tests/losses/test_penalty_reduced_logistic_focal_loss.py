"""The focal loss of heatmaps."""

import math

import kit
import numpy as np
import pytest

from od_api.losses.penalty_reduced_logistic_focal_loss import (
    PenaltyReducedLogisticFocalLoss as HeatLoss,
)
from od_api.losses.weighted_sigmoid_focal import SigmoidFocalClassificationLoss

LOG_3 = math.log(3)


@pytest.mark.parametrize(
    ("heat", "value"),
    [
        # A peak, p = 3/4: (1/4)^2 * -log 3/4.
        (1.0, math.log(4 / 3) / 16),
        # Far from peaks: (3/4)^2 * -log 1/4.
        (0.0, 9 / 16 * math.log(4)),
        # Half way: (1/2)^4 of that.
        (0.5, 9 / 16 * math.log(4) / 16),
    ],
)
def test_values(heat, value):
    loss = HeatLoss(alpha=2.0, beta=4.0)
    np.testing.assert_allclose(
        loss(np.float32([LOG_3]), np.float32([heat])), [value], rtol=1e-5
    )


def test_peaks_alone_are_the_focal_loss():
    logits = np.random.default_rng(0).normal(0, 2, (6, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    kit.assert_same(
        HeatLoss(alpha=2.0, beta=4.0)(logits, targets),
        SigmoidFocalClassificationLoss(gamma=2.0)(logits, targets),
    )


def test_wild_logits_are_bounded():
    """p is at least 1e-4, so a missed peak costs (1 - 1e-4)^2 * -log 1e-4."""
    loss = HeatLoss(alpha=2.0, beta=4.0)(np.float32([-500]), np.float32([1]))
    np.testing.assert_allclose(loss, [0.9999**2 * 4 * math.log(10)], rtol=1e-5)


def test_negative_powers():
    with pytest.raises(ValueError, match="beta is -1"):
        HeatLoss(beta=-1.0)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 2.0])
def test_kit(alpha):
    heat = np.random.default_rng(3).uniform(0, 1, (2, 6, 3)).astype(np.float32)
    heat[:, 0] = 1.0
    kit.check_classification_loss(HeatLoss(alpha=alpha, beta=4.0), targets=heat)
