import numpy as np
import pytest
import tensorflow as tf

from od_api.optim.cosine_decay_learning_rate import CosineDecayLearningRate


def rates(schedule, steps):
    compiled = tf.function(schedule)
    return [float(compiled(tf.constant(step, tf.int64))) for step in steps]


def test_warmup_hold_and_cosine_by_hand():
    """Base 1: a line from .2 over 4 steps, 2 held, then 8 steps of half a cosine.

    Step 8 is a quarter of the way: (1 + cos 45 degrees) / 2 = .8535534; step 10 half.
    """
    schedule = CosineDecayLearningRate(
        learning_rate_base=1.0,
        total_steps=14,
        warmup_learning_rate=0.2,
        warmup_steps=4,
        hold_base_rate_steps=2,
    )
    got = rates(schedule, [0, 1, 2, 3, 4, 5, 6, 8, 10])
    expected = [0.2, 0.4, 0.6, 0.8, 1, 1, 1, 0.8535534, 0.5]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert rates(schedule, [14, 15, 10**6]) == [0, 0, 0]
    assert rates(schedule, [13])[0] > 0


def test_no_warmup_starts_at_the_base():
    """The default warm-up rate may then lie above the base."""
    schedule = CosineDecayLearningRate(
        learning_rate_base=1e-5, total_steps=10, warmup_steps=0
    )
    np.testing.assert_allclose(rates(schedule, [0, 5]), [1e-5, 5e-6], rtol=1e-6)


def test_rates_never_rise_after_the_warmup():
    schedule = CosineDecayLearningRate(total_steps=300, warmup_steps=100)
    got = rates(schedule, range(100, 320))
    assert got[0] == pytest.approx(0.002)
    assert np.all(np.diff(got) <= 0)


def test_too_few_steps_are_refused():
    with pytest.raises(ValueError, match=r"total_steps is 10, .* 8 \+ 2"):
        CosineDecayLearningRate(total_steps=10, warmup_steps=8, hold_base_rate_steps=2)


def test_falling_warmup_is_refused():
    with pytest.raises(ValueError, match="a warm-up must rise"):
        CosineDecayLearningRate(learning_rate_base=0.1, warmup_learning_rate=0.2)
