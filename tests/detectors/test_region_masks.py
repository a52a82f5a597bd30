"""The mask loss by hand."""

import types

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.types import Assignment, Targets
from od_api.detectors.region_masks import RegionMasks

LOG_2 = np.log(2.0)


def loss_of(label, weights, logits, mask_weights=None):
    """Of two images with two regions each, against empty masks of 2 x 2 samples."""
    label = tf.constant(label)
    masks = RegionMasks(head=types.SimpleNamespace(), loss_weight=3.0)
    targets = Targets(
        boxes=tf.constant([[[0.0, 0.0, 8.0, 8.0]]] * 2),
        classes=tf.zeros([2, 1], tf.int32),
        weights=tf.constant(weights)[:, None],
        valid=tf.ones([2, 1], tf.bool),
        true_shapes=tf.constant([[8, 8]] * 2),
        masks=tf.zeros([2, 1, 8, 8], tf.uint8),
        mask_weights=mask_weights and tf.constant(mask_weights)[:, None],
    )
    assignment = Assignment(tf.zeros([2, 2], tf.int32), label, tf.ones([2, 2]))
    logits = tf.ones([4, 2, 2, 1]) * tf.reshape(tf.constant(logits), [4, 1, 1, 1])
    boxes = tf.constant([[[1.0, 1.0, 5.0, 5.0]] * 2] * 2)
    losses = masks.losses(logits, boxes, assignment, targets, (8, 8))
    return float(losses["BoxClassifierLoss/mask_loss"])


@pytest.mark.parametrize(
    "label, weights, expected",
    [
        # Pixels cost ln 2 at logit 0 and 20 at logit 20.
        ([[1, 1], [1, 0]], [1.0, 1.0], 3 * (0 + LOG_2 + 20) / 3),
        # An image without positive regions has no share in the mean.
        ([[1, 1], [0, -1]], [1.0, 1.0], 3 * (0 + LOG_2) / 2),
        # Half a ground truth counts half, above and below.
        ([[1, 1], [1, 0]], [1.0, 0.5], 3 * (0 + LOG_2 + 10) / 2.5),
        ([[0, 0], [0, 0]], [1.0, 1.0], 0.0),
    ],
)
def test_one_mean_over_the_regions_of_all_images(label, weights, expected):
    made = loss_of(label, weights, logits=[-100.0, 0.0, 20.0, 50.0])
    assert made == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "mask_weights, expected",
    [
        ([1.0, 1.0], 3 * (0 + LOG_2 + 20) / 3),
        # As half a ground truth, and as none: the mean is of what is left.
        ([1.0, 0.5], 3 * (0 + LOG_2 + 10) / 2.5),
        ([0.0, 1.0], 3 * 20),
        ([0.0, 0.0], 0.0),
    ],
)
def test_weights_of_masks_are_factors(mask_weights, expected):
    label, logits = [[1, 1], [1, 0]], [-100.0, 0.0, 20.0, 50.0]
    made = loss_of(label, [1.0, 1.0], logits, mask_weights)
    assert made == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("threshold, loss", [(False, 25.0), (True, 0.0)])
def test_targets_between_0_and_1(threshold, loss):
    """Of cells 1 to 4 the samples at .875 and 4.375 read .875 and .625.

    A logit of 100 costs 100 times what is missing: 12.5 and 37.5, or nothing of what
    is 1 from a half on.
    """
    masks = RegionMasks(head=types.SimpleNamespace(), threshold_targets=threshold)
    row = np.uint8([0, 1, 1, 1, 1, 0, 0, 0])
    targets = Targets(
        boxes=tf.constant([[[0.0, 0.0, 8.0, 8.0]]]),
        classes=tf.zeros([1, 1], tf.int32),
        weights=tf.ones([1, 1]),
        valid=tf.ones([1, 1], tf.bool),
        true_shapes=tf.constant([[8, 8]]),
        masks=tf.constant(np.tile(row, [1, 1, 8, 1])),
    )
    assignment = Assignment(
        tf.zeros([1, 1], tf.int32), tf.ones([1, 1], tf.int32), tf.ones([1, 1])
    )
    boxes = tf.constant([[[1.0, 1.0, 5.0, 5.0]]])
    logits = tf.fill([1, 2, 2, 1], 100.0)
    found = masks.losses(logits, boxes, assignment, targets, (8, 8))
    assert float(found["BoxClassifierLoss/mask_loss"]) == pytest.approx(loss, abs=1e-4)
