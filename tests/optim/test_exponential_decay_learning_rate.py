import numpy as np
import pytest
import tensorflow as tf

from od_api.optim.exponential_decay_learning_rate import ExponentialDecayLearningRate


def rates(schedule, steps):
    compiled = tf.function(schedule)
    return [float(compiled(tf.constant(step, tf.int64))) for step in steps]


def test_staircase_of_the_study():
    """MobileNet: 4e-3 times .95 every 800k steps; at 800k 3.8e-3, at 1.6M 3.61e-3."""
    schedule = ExponentialDecayLearningRate(
        initial_learning_rate=0.004, decay_steps=800_000, decay_factor=0.95
    )
    got = rates(schedule, [0, 799_999, 800_000, 1_600_000])
    np.testing.assert_allclose(got, [4e-3, 4e-3, 3.8e-3, 3.61e-3], rtol=1e-6)


def test_smooth_decay():
    """1 * .25 ^ (step / 10): half at step 5, a quarter at 10, an eighth at 15."""
    schedule = ExponentialDecayLearningRate(
        initial_learning_rate=1.0, decay_steps=10, decay_factor=0.25, staircase=False
    )
    got = rates(schedule, [0, 5, 10, 15])
    np.testing.assert_allclose(got, [1, 0.5, 0.25, 0.125], rtol=1e-6)


def test_decay_counts_from_the_end_of_the_burnin():
    """Burn-in .5 for 4 steps, then 1, halved every 10 steps: at 14 and at 24."""
    schedule = ExponentialDecayLearningRate(
        initial_learning_rate=1.0,
        decay_steps=10,
        decay_factor=0.5,
        burnin_learning_rate=0.5,
        burnin_steps=4,
    )
    got = rates(schedule, [0, 3, 4, 13, 14, 24])
    np.testing.assert_allclose(got, [0.5, 0.5, 1, 1, 0.5, 0.25])


def test_burnin_without_a_rate_of_its_own_uses_the_initial_one():
    schedule = ExponentialDecayLearningRate(
        initial_learning_rate=1.0, decay_steps=10, decay_factor=0.5, burnin_steps=10
    )
    np.testing.assert_allclose(rates(schedule, [0, 9, 10, 20]), [1, 1, 1, 0.5])


def test_floor_holds_always():
    schedule = ExponentialDecayLearningRate(
        initial_learning_rate=1.0,
        decay_steps=1,
        decay_factor=0.5,
        burnin_learning_rate=0.1,
        burnin_steps=1,
        min_learning_rate=0.3,
    )
    np.testing.assert_allclose(
        rates(schedule, [0, 1, 2, 3, 900]), [0.3, 1, 0.5, 0.3, 0.3]
    )


def test_steps_beyond_float32_still_count():
    """2^24 + 1 is the first step that float32 cannot tell from its neighbour."""
    schedule = ExponentialDecayLearningRate(
        initial_learning_rate=1.0, decay_steps=2**24 + 1, decay_factor=0.5
    )
    np.testing.assert_allclose(rates(schedule, [2**24, 2**24 + 1]), [1, 0.5])


@pytest.mark.parametrize("field", ["decay_steps", "decay_factor"])
def test_zero_is_refused(field):
    with pytest.raises(ValueError, match=f"{field} is 0"):
        ExponentialDecayLearningRate(**{field: 0})
