import numpy as np
import pytest
import tensorflow as tf
from optimizer_kit import concurrent_and_sequential, random_problem, steps_with

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.optim.constant_learning_rate import ConstantLearningRate
from od_api.optim.manual_step_learning_rate import (
    LearningRateSchedule,
    ManualStepLearningRate,
)
from od_api.optim.momentum_optimizer import MomentumOptimizer
from od_api.protos import optimizer_pb2


def test_two_steps_by_hand():
    """Rate .1, momentum .9, from 1 with gradients 2, 2.

    m = -.1 * 2 = -.2,            w = 1 - .2 = .8
    m = .9 * -.2 - .1 * 2 = -.38, w = .8 - .38 = .42
    """
    optimizer = MomentumOptimizer(learning_rate=ConstantLearningRate(learning_rate=0.1))
    np.testing.assert_allclose(steps_with(optimizer, 1.0, [2, 2]), [0.8, 0.42], 1e-6)


def test_rate_is_inside_the_average():
    """Rate .1, from step 1 on 0: w = 1 - .2, then the momentum alone: -.18."""
    entry = LearningRateSchedule(step=1, learning_rate=0.0)
    schedule = ManualStepLearningRate(initial_learning_rate=0.1, schedule=[entry])
    optimizer = MomentumOptimizer(learning_rate=schedule)
    np.testing.assert_allclose(steps_with(optimizer, 1.0, [2, 2]), [0.8, 0.62], 1e-6)


def test_agrees_with_numpy_over_20_steps():
    start, gradients = random_problem()
    rate = ConstantLearningRate(learning_rate=0.05)
    optimizer = MomentumOptimizer(learning_rate=rate, momentum_optimizer_value=0.8)
    value, momentum, expected = start, 0.0, []
    for gradient in gradients:
        momentum = 0.8 * momentum - 0.05 * gradient
        value = value + momentum
        expected.append(value)
    np.testing.assert_allclose(
        steps_with(optimizer, start, gradients), expected, rtol=1e-5, atol=1e-6
    )


def test_concurrent_updates_are_all_applied():
    rate = ConstantLearningRate(learning_rate=0.01)
    together, alone = concurrent_and_sequential(
        lambda: MomentumOptimizer(learning_rate=rate)
    )
    np.testing.assert_array_equal(together, alone)


def test_none_and_missing_gradients_leave_variables_alone():
    variables = {name: tf.Variable(1.0) for name in "abc"}
    optimizer = MomentumOptimizer(learning_rate=ConstantLearningRate(learning_rate=1.0))
    optimizer.create_slots(variables)
    optimizer.apply({"a": tf.constant(1.0), "b": None}, tf.constant(0, tf.int64))
    assert [v.numpy() for v in variables.values()] == [0.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="variables without slots"):
        optimizer.apply({"d": tf.constant(1.0)}, tf.constant(0, tf.int64))


def test_sparse_and_half_gradients_are_taken():
    variable = tf.Variable([1.0, 1.0])
    optimizer = MomentumOptimizer(learning_rate=ConstantLearningRate(learning_rate=1.0))
    optimizer.create_slots({"w": variable})
    step = tf.constant(0, tf.int64)
    optimizer.apply({"w": tf.constant([0.5, 0.0], tf.float16)}, step)
    np.testing.assert_allclose(variable.numpy(), [0.5, 1.0])
    sparse = tf.IndexedSlices(tf.constant([1.0]), tf.constant([1]), tf.constant([2]))
    optimizer.apply({"w": sparse}, step)
    np.testing.assert_allclose(variable.numpy(), [0.05, 0.0], atol=1e-6)


def test_slots_are_named_after_their_variable():
    optimizer = MomentumOptimizer(learning_rate=ConstantLearningRate())
    slots = optimizer.create_slots({"head/box/kernel": tf.Variable([[1.0, 2.0]])})
    assert list(optimizer.slot_variables()) == ["head/box/kernel/momentum"]
    slot = slots["head/box/kernel"]["momentum"]
    assert slot.shape == [1, 2] and not slot.trainable


def test_message_needs_a_learning_rate():
    with pytest.raises(ConfigError, match="learning_rate is not set"):
        build(optimizer_pb2.MomentumOptimizer())
