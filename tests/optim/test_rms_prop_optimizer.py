import numpy as np
from optimizer_kit import concurrent_and_sequential, random_problem, steps_with

from od_api.optim.constant_learning_rate import ConstantLearningRate
from od_api.optim.rms_prop_optimizer import RMSPropOptimizer


def test_two_steps_by_hand():
    """Rate .1, rho .5, momentum .5, epsilon 1, from 1 with gradients 3, 1.

    ms = .5 * 1 + .5 * 9 = 5,    mom = .1 * 3 / sqrt(6) = .1224745,  w = .8775255
    ms = .5 * 5 + .5 * 1 = 3,    mom = .5 * .1224745 + .1 / sqrt(4)
                                     = .0612372 + .05 = .1112372,    w = .7662883
    """
    optimizer = RMSPropOptimizer(
        learning_rate=ConstantLearningRate(learning_rate=0.1),
        momentum_optimizer_value=0.5,
        decay=0.5,
        epsilon=1.0,
    )
    values = steps_with(optimizer, 1.0, [3, 1])
    np.testing.assert_allclose(values, [0.8775255, 0.7662883], rtol=1e-6)


def test_decay_is_rho_and_leaves_the_rate_alone():
    """Of the old TF 2 trainer's rates .1, .0526, .0357 only the first one is here."""
    rate = ConstantLearningRate(learning_rate=0.1)
    optimizer = RMSPropOptimizer(learning_rate=rate, decay=0.9)
    rates = [float(optimizer.learning_rate(step)) for step in range(3)]
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1])


def test_agrees_with_numpy_over_20_steps():
    start, gradients = random_problem(1)
    optimizer = RMSPropOptimizer(
        learning_rate=ConstantLearningRate(learning_rate=0.004),
        decay=0.95,
        epsilon=0.01,
    )
    value, mean, momentum, expected = start, 1.0, 0.0, []
    for gradient in gradients:
        mean = 0.95 * mean + 0.05 * gradient**2
        momentum = 0.9 * momentum + 0.004 * gradient / np.sqrt(mean + 0.01)
        value = value - momentum
        expected.append(value)
    np.testing.assert_allclose(
        steps_with(optimizer, start, gradients), expected, rtol=1e-5, atol=1e-6
    )


def test_concurrent_updates_are_all_applied():
    rate = ConstantLearningRate(learning_rate=0.01)
    together, alone = concurrent_and_sequential(
        lambda: RMSPropOptimizer(learning_rate=rate)
    )
    np.testing.assert_array_equal(together, alone)
