"""The absolute difference."""

import kit
import numpy as np

from od_api.losses.l1_localization_loss import L1LocalizationLoss


def test_value():
    """1 + 2 + 0 + 3 = 6."""
    codes, targets = np.float32([1, 2, 3, 4]), np.float32([0, 4, 3, 1])
    np.testing.assert_allclose(L1LocalizationLoss()(codes, targets), 6.0)


def test_kit():
    kit.check_localization_loss(L1LocalizationLoss())
