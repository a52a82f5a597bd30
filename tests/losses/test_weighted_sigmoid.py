"""Cross entropy of every class on its own."""

import math

import kit
import numpy as np

from od_api.losses.weighted_sigmoid import WeightedSigmoidClassificationLoss


def test_values():
    """Logit log 3 has p = 3/4: -log 3/4 for target 1, -log 1/4 for target 0."""
    logits, targets = np.float32([0, math.log(3), math.log(3)]), np.float32([1, 1, 0])
    loss = WeightedSigmoidClassificationLoss()(logits, targets)
    want = [math.log(2), math.log(4 / 3), math.log(4)]
    np.testing.assert_allclose(loss, want, rtol=1e-6)


def test_kit():
    kit.check_classification_loss(WeightedSigmoidClassificationLoss())
