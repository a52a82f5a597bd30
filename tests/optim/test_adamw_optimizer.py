import numpy as np
from optimizer_kit import concurrent_and_sequential, random_problem, steps_with
from test_adam_optimizer import numpy_adam

from od_api.optim.adamw_optimizer import AdamwOptimizer
from od_api.optim.constant_learning_rate import ConstantLearningRate


def test_two_steps_by_hand():
    """Rate .1, weight decay .5, from 1 with gradients 2, 2.

    Equal gradients make Adam's own step .1 each time.
    w = 1 * (1 - .05) - .1 = .85, then .85 * .95 - .1 = .7075
    """
    rate = ConstantLearningRate(learning_rate=0.1)
    optimizer = AdamwOptimizer(learning_rate=rate, weight_decay=0.5)
    values = steps_with(optimizer, 1.0, [2, 2])
    np.testing.assert_allclose(values, [0.85, 0.7075], rtol=1e-5)


def test_agrees_with_numpy_over_20_steps():
    start, gradients = random_problem(3)
    optimizer = AdamwOptimizer(
        learning_rate=ConstantLearningRate(learning_rate=0.01),
        beta_1=0.8,
        beta_2=0.99,
        weight_decay=0.3,
        epsilon=1e-3,
    )
    np.testing.assert_allclose(
        steps_with(optimizer, start, gradients),
        numpy_adam(start, gradients, 0.01, (0.8, 0.99), 1e-3, decay=0.3),
        rtol=1e-4,
        atol=1e-6,
    )


def test_without_decay_it_is_adam():
    start, gradients = random_problem(4)
    rate = ConstantLearningRate(learning_rate=0.01)
    optimizer = AdamwOptimizer(learning_rate=rate, weight_decay=0.0)
    np.testing.assert_allclose(
        steps_with(optimizer, start, gradients),
        numpy_adam(start, gradients, 0.01),
        rtol=1e-4,
        atol=1e-6,
    )


def test_concurrent_updates_are_all_applied():
    """With a decay of 0 the order cannot matter, yet the decay's op still runs."""
    rate = ConstantLearningRate(learning_rate=0.01)
    together, alone = concurrent_and_sequential(
        lambda: AdamwOptimizer(learning_rate=rate, weight_decay=0.0)
    )
    np.testing.assert_array_equal(together, alone)
