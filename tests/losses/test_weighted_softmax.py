"""Cross entropy of classes that exclude each other."""

import math

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss


def test_values():
    """Logits 0, log 2, 0 have p = 1/4, 2/4, 1/4; the target is the middle one."""
    logits = np.float32([0, math.log(2), 0])
    loss = WeightedSoftmaxClassificationLoss()(logits, np.float32([0, 1, 0]))
    np.testing.assert_allclose(loss, [0, math.log(2), 0], atol=1e-7)


def test_logit_scale():
    """Logits 0 and 2 log 3 over scale 2 have p = 1/4 and 3/4."""
    logits = np.float32([0, 2 * math.log(3)])
    loss = WeightedSoftmaxClassificationLoss(logit_scale=2.0)
    np.testing.assert_allclose(
        loss(logits, np.float32([1, 0])), [math.log(4), 0], rtol=1e-6
    )


def test_sum_is_the_cross_entropy():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4, 5)).astype(np.float32)
    targets = rng.dirichlet(np.ones(5), 4).astype(np.float32)
    loss = WeightedSoftmaxClassificationLoss()(logits, targets)
    want = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
    kit.assert_same(tf.reduce_sum(loss, axis=-1), want)


def test_logit_scale_must_be_positive():
    with pytest.raises(ValueError, match="logit_scale is 0"):
        WeightedSoftmaxClassificationLoss(logit_scale=0.0)


def test_kit():
    kit.check_classification_loss(WeightedSoftmaxClassificationLoss())
