"""Cross entropy with the network's own opinion mixed in."""

import math

import kit
import numpy as np
import pytest

from od_api.losses.bootstrapped_sigmoid import (
    BootstrappedSigmoidClassificationLoss as Bootstrapped,
)
from od_api.losses.weighted_sigmoid import WeightedSigmoidClassificationLoss

LOG_3 = math.log(3)


@pytest.mark.parametrize(
    ("hard", "mixed"),
    [
        # p = 3/4: 0.6 * 0 + 0.4 * 3/4.
        (False, 0.3),
        # p > 1/2: 0.6 * 0 + 0.4 * 1.
        (True, 0.4),
    ],
)
def test_values(hard, mixed):
    loss = Bootstrapped(alpha=0.6, hard_bootstrap=hard)
    want = -mixed * math.log(3 / 4) - (1 - mixed) * math.log(1 / 4)
    np.testing.assert_allclose(
        loss(np.float32([LOG_3]), np.float32([0])), [want], rtol=1e-6
    )


def test_alpha_1_is_the_sigmoid_loss():
    logits = np.random.default_rng(0).normal(0, 2, (6, 3)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    kit.assert_same(
        Bootstrapped(alpha=1.0)(logits, targets),
        WeightedSigmoidClassificationLoss()(logits, targets),
    )


@pytest.mark.parametrize("alpha", [0.0, 1.5])
def test_alpha_out_of_range(alpha):
    with pytest.raises(ValueError, match=r"alpha is .*above 0 and at most 1"):
        Bootstrapped(alpha=alpha)


@pytest.mark.parametrize("hard", [False, True])
def test_kit(hard):
    kit.check_classification_loss(Bootstrapped(alpha=0.8, hard_bootstrap=hard))
