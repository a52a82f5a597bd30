"""Half the squared difference."""

import kit
import numpy as np

from od_api.losses.weighted_l2 import WeightedL2LocalizationLoss


def test_value():
    """0.5 * (1 + 4 + 0 + 9) = 7."""
    loss = WeightedL2LocalizationLoss()
    codes, targets = np.float32([1, 2, 3, 4]), np.float32([0, 4, 3, 1])
    np.testing.assert_allclose(loss(codes, targets), 7.0)


def test_kit():
    kit.check_localization_loss(WeightedL2LocalizationLoss())
