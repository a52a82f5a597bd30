import numpy as np
import pytest
import tensorflow as tf

from od_api.optim.ema import ExponentialMovingAverage


def averaged(decay, start=0.0):
    variable = tf.Variable(start)
    ema = ExponentialMovingAverage(decay)
    ema.create_slots({"w": variable})
    return variable, ema, ema.slot_variables()["w"]


def test_warm_up_by_hand():
    """From 0, the variable at 1: the average keeps .1, then 2/11, then 3/12 of itself.

    .1 * 0 + .9 = .9;  2/11 * .9 + 9/11 = .9818182;  .25 * .9818182 + .75 = .9954545
    """
    variable, ema, average = averaged(0.9999)
    variable.assign(1.0)
    for step, expected in enumerate([0.9, 0.9818182, 0.9954545]):
        ema.update(tf.constant(step, tf.int64))
        assert average.numpy() == pytest.approx(expected, rel=1e-6)


def test_decay_is_the_limit():
    """At step 10^6 the warm-up is over: .75 * 0 + .25 * 8 = 2."""
    variable, ema, average = averaged(0.75)
    variable.assign(8.0)
    ema.update(tf.constant(10**6, tf.int64))
    assert average.numpy() == pytest.approx(2.0)


def test_agrees_with_numpy_in_a_graph():
    rng = np.random.default_rng(0)
    variable, ema, average = averaged(0.6, start=[0.0, 1.0])
    update, expected = tf.function(ema.update), np.array([0.0, 1.0])
    for step, value in enumerate(rng.normal(size=(20, 2))):
        variable.assign(value.astype(np.float32))
        update(tf.constant(step, tf.int64))
        keep = min(0.6, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * value
        np.testing.assert_allclose(average.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_swap_exchanges_and_restores():
    variable, ema, average = averaged(0.5, start=3.0)
    variable.assign(7.0)
    with ema.swap():
        assert variable.numpy() == 3.0
    assert variable.numpy() == 7.0 and average.numpy() == 3.0


def test_swap_restores_after_an_error():
    variable, ema, _ = averaged(0.5, start=3.0)
    variable.assign(7.0)
    with pytest.raises(RuntimeError, match="evaluation failed"), ema.swap():
        raise RuntimeError("evaluation failed")
    assert variable.numpy() == 7.0


def test_reset_makes_the_averages_equal_to_the_variables():
    variable, ema, average = averaged(0.5)
    variable.assign(4.0)
    ema.reset()
    assert average.numpy() == 4.0


def test_decay_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match=r"moving_average_decay is 1.5"):
        ExponentialMovingAverage(1.5)
