import numpy as np
from optimizer_kit import concurrent_and_sequential, random_problem, steps_with

from od_api.optim.adam_optimizer import AdamOptimizer
from od_api.optim.constant_learning_rate import ConstantLearningRate


def numpy_adam(start, gradients, rate, betas=(0.9, 0.999), epsilon=1e-8, decay=0.0):
    value, m, v, values = start, 0.0, 0.0, []
    for t, gradient in enumerate(gradients, 1):
        value = value * (1 - rate * decay)
        m = betas[0] * m + (1 - betas[0]) * gradient
        v = betas[1] * v + (1 - betas[1]) * gradient**2
        scale = rate * np.sqrt(1 - betas[1] ** t) / (1 - betas[0] ** t)
        value = value - scale * m / (np.sqrt(v) + epsilon)
        values.append(value)
    return np.array(values)


def test_two_steps_by_hand():
    """Rate .1, from 1 with gradients 2, -1; the corrected means are m', v'.

    t = 1: m' = 2,  v' = 4, step .1 * 2 / 2 = .1, w = .9
    t = 2: m = .9 * .2 + .1 * -1 = .08,          m' = .08 / .19 = .4210526
           v = .999 * .004 + .001 = .004996,     v' = .004996 / .001999 = 2.4992496
           step .1 * .4210526 / 1.5809016 = .0266337, w = .8733663
    """
    optimizer = AdamOptimizer(learning_rate=ConstantLearningRate(learning_rate=0.1))
    values = steps_with(optimizer, 1.0, [2, -1])
    np.testing.assert_allclose(values, [0.9, 0.8733663], rtol=1e-5)


def test_agrees_with_numpy_over_20_steps():
    start, gradients = random_problem(2)
    rate = ConstantLearningRate(learning_rate=0.01)
    optimizer = AdamOptimizer(learning_rate=rate, epsilon=1e-3)
    np.testing.assert_allclose(
        steps_with(optimizer, start, gradients),
        numpy_adam(start, gradients, 0.01, epsilon=1e-3),
        rtol=1e-4,
        atol=1e-6,
    )


def test_correction_follows_the_step_not_the_number_of_calls():
    """Resumed at step 10 with empty slots, m = .1 * g is divided by 1 - .9^11."""
    optimizer = AdamOptimizer(learning_rate=ConstantLearningRate(learning_rate=0.1))
    values = steps_with(optimizer, 0.0, [1.0], first_step=10)
    scale = 0.1 * np.sqrt(1 - 0.999**11) / (1 - 0.9**11)
    np.testing.assert_allclose(values, [-scale * 0.1 / np.sqrt(0.001)], rtol=1e-4)


def test_concurrent_updates_are_all_applied():
    rate = ConstantLearningRate(learning_rate=0.01)
    together, alone = concurrent_and_sequential(
        lambda: AdamOptimizer(learning_rate=rate)
    )
    np.testing.assert_array_equal(together, alone)
