"""The dice loss of masks."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.losses.weighted_dice_classification_loss import (
    WeightedDiceClassificationLoss as Dice,
)

P = np.float32([[0.5], [0.25], [0.75], [0.0]])
T = np.float32([[1], [0], [1], [0]])


@pytest.mark.parametrize(
    ("squared", "value"),
    [
        # Overlap 0.5 + 0.75 = 1.25, areas 1.5 and 2.
        (False, 1 - 2.5 / 3.5),
        # Squares: overlap 0.25 + 0.5625, areas 0.25 + 0.0625 + 0.5625 and 2.
        (True, 1 - 2 * 0.8125 / 2.875),
    ],
)
def test_values(squared, value):
    """Each of the four positions has a quarter of the loss."""
    loss = Dice(squared_normalization=squared, is_prediction_probability=True)
    np.testing.assert_allclose(loss(P, T), np.full([4, 1], value / 4), rtol=1e-6)


def test_logits():
    logits = np.float32([[0.0], [2.0], [-1.0], [3.0]])
    kit.assert_same(
        Dice()(logits, T), Dice(is_prediction_probability=True)(tf.sigmoid(logits), T)
    )


def test_nothing_predicted_of_nothing_is_a_loss_of_1():
    """As in the old API: the floor of 1 under the areas leaves 1 - 0 / 1."""
    loss = Dice(is_prediction_probability=True)(0 * P, 0 * T)
    np.testing.assert_allclose(tf.reduce_sum(loss), 1.0)


@pytest.mark.parametrize("squared", [False, True])
def test_kit(squared):
    kit.check_classification_loss(Dice(squared_normalization=squared))
