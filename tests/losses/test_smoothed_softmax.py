"""Softmax cross entropy with label smoothing."""

import math

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.ranges import RangeError
from od_api.losses.smoothed_softmax import SmoothedSoftmaxClassificationLoss
from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss


def _smoothed(classes, true, **options):
    """q, read from the losses of equal logits: each is q log(classes)."""
    loss = SmoothedSoftmaxClassificationLoss(**options)
    values = loss(np.zeros(classes, np.float32), np.eye(classes, dtype="f")[true])
    return values / math.log(classes)


@pytest.mark.parametrize(
    ("classes", "options", "true", "others"),
    [
        (80, {}, 0.9, 0.1 / 79),
        (80, {"epsilon": 0.3}, 0.7, 0.3 / 79),
        (2, {}, 0.9, 0.1),
        (80, {"mix_uniformly": True}, 0.9 + 0.1 / 80, 0.1 / 80),
        (5, {"epsilon": 0}, 1, 0),
    ],
)
def test_targets(classes, options, true, others):
    found = _smoothed(classes, 1, **options).numpy()
    wanted = np.full(classes, others)
    wanted[1] = true
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found.sum(), 1, rtol=1e-5)


def test_best_logits_have_a_finite_gap():
    """With 80 classes the gap log(79 * .9 / .1) = 6.566672 has no gradient left."""
    logits = np.zeros(80, np.float32)
    logits[3] = math.log(79 * 0.9 / 0.1)
    np.testing.assert_allclose(logits[3], 6.566672, atol=1e-6)
    loss, target = SmoothedSoftmaxClassificationLoss(), np.eye(80, dtype="f")[3]
    (gradient,) = kit.check_gradients(lambda x: loss(x, target), logits)
    np.testing.assert_allclose(gradient, np.zeros(80), atol=1e-6)


def test_without_smoothing_it_is_softmax():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (4, 5)).astype(np.float32)
    targets = np.eye(5, dtype=np.float32)[[0, 2, 4, 1]]
    smoothed = SmoothedSoftmaxClassificationLoss(epsilon=0, logit_scale=2.0)
    plain = WeightedSoftmaxClassificationLoss(logit_scale=2.0)
    kit.assert_same(smoothed(logits, targets), plain(logits, targets))


def test_equals_cross_entropy_with_smoothed_labels():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (6, 4)).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1]]
    loss = SmoothedSoftmaxClassificationLoss(epsilon=0.2, mix_uniformly=True)
    want = tf.keras.losses.categorical_crossentropy(
        targets, logits, from_logits=True, label_smoothing=0.2
    )
    kit.assert_same(tf.reduce_sum(loss(logits, targets), axis=-1), want)


@pytest.mark.parametrize("uniform", [False, True])
def test_no_class_costs_nothing(uniform):
    loss = SmoothedSoftmaxClassificationLoss(mix_uniformly=uniform)
    found = loss(np.float32([[3, -1, 2]]), np.zeros([1, 3], np.float32))
    np.testing.assert_array_equal(found, np.zeros([1, 3]))


@pytest.mark.parametrize("uniform", [False, True])
def test_one_class_is_certain(uniform):
    loss = SmoothedSoftmaxClassificationLoss(mix_uniformly=uniform)
    np.testing.assert_array_equal(loss(np.float32([[7]]), np.float32([[1]])), [[0]])


@pytest.mark.parametrize(
    ("name", "value"), [("epsilon", 1.0), ("epsilon", -0.1), ("logit_scale", 0)]
)
def test_ranges(name, value):
    with pytest.raises(RangeError, match=name):
        SmoothedSoftmaxClassificationLoss(**{name: value})


@pytest.mark.parametrize("uniform", [False, True])
def test_kit(uniform):
    kit.check_classification_loss(
        SmoothedSoftmaxClassificationLoss(mix_uniformly=uniform)
    )
