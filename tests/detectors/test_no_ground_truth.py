"""Losses of batches without a single object, and without a row for one."""

import numpy as np
import pytest
import tensorflow as tf
from detector_kit import DETECTORS, make_detector
from kit import SEED, target_cases

EMPTY = ("no_ground_truth", "all_padding")


@pytest.mark.parametrize("name", DETECTORS)
def test_losses_and_gradients_are_finite_and_nothing_is_positive(name):
    model = make_detector(name)
    weights = [v.value for p in model.parts.values() for v in p.trainable_weights]
    images = 255 * tf.random.stateless_uniform([2, 128, 128, 3], SEED)
    outcomes = {}
    for case in (*EMPTY, "one_image_empty"):
        truth = with_masks(target_cases()[case])
        with tf.GradientTape() as tape:
            predictions = model.call(
                images, truth.true_shapes, training=True, targets=truth, seed=SEED
            )
            losses = model.losses(predictions, truth, SEED)
            total = tf.add_n(list(losses.values()))
        gradients = [g for g in tape.gradient(total, weights) if g is not None]
        assert all(np.isfinite(tf.convert_to_tensor(g)).all() for g in gradients)
        assert all(np.isfinite(value) for value in losses.values())
        assert total > 0
        outcomes[case] = losses
    padded = outcomes["all_padding"]
    for loss, value in outcomes["no_ground_truth"].items():
        if "localization" in loss or "mask" in loss:
            assert value == padded[loss] == 0
        elif "BoxClassifier" in loss:
            # Padding is among what the proposals are drawn from: it is another draw.
            assert value > 0 and padded[loss] > 0
        else:
            np.testing.assert_allclose(value, padded[loss], rtol=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_evaluation_has_losses_without_a_row(name):
    model = make_detector(name)
    truth = target_cases()["no_ground_truth"].with_longest()
    predictions = model.call(tf.zeros([2, 128, 128, 3]), truth.true_shapes)
    for value in model.losses(predictions, truth, SEED).values():
        assert np.isfinite(value)


def with_masks(truth):
    """The same with masks that are full."""
    count, rows = truth.valid.shape
    return truth._replace(masks=tf.ones([count, rows, 128, 128], tf.uint8))
