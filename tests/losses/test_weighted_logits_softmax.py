"""Cross entropy with a target in logits."""

import math

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.losses.weighted_logits_softmax import (
    WeightedSoftmaxClassificationAgainstLogitsLoss as LogitsLoss,
)
from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss


def test_values():
    """Target logits 0, log 3 are 1/4 and 3/4; predictions are 1/2 each."""
    loss = LogitsLoss()(np.float32([0, 0]), np.float32([0, math.log(3)]))
    np.testing.assert_allclose(loss, [math.log(2) / 4, 3 * math.log(2) / 4], rtol=1e-6)


def test_certain_target_is_the_softmax_loss():
    logits = np.random.default_rng(0).normal(0, 2, (6, 3)).astype(np.float32)
    one_hot = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    kit.assert_same(
        LogitsLoss()(logits, 100 * one_hot),
        WeightedSoftmaxClassificationLoss()(logits, one_hot),
    )


def test_scale_divides_both_sides():
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(0, 2, (2, 6, 3)).astype(np.float32)
    kit.assert_same(
        LogitsLoss(logit_scale=2.0)(logits, targets),
        LogitsLoss()(logits / 2, targets / 2),
    )


def test_least_where_equal():
    targets = np.float32([0.3, -1.0, 2.0])
    (gradient,) = kit.check_gradients(lambda x: LogitsLoss()(x, targets), targets)
    np.testing.assert_allclose(gradient, tf.zeros(3), atol=1e-6)


def test_logit_scale_must_be_positive():
    with pytest.raises(ValueError, match="logit_scale is -1"):
        LogitsLoss(logit_scale=-1.0)


def test_kit():
    kit.check_classification_loss(LogitsLoss())
