import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.optim.manual_step_learning_rate import (
    LearningRateSchedule,
    ManualStepLearningRate,
)
from od_api.protos import optimizer_pb2


def rates(schedule, steps):
    compiled = tf.function(schedule)
    return [float(compiled(tf.constant(step, tf.int64))) for step in steps]


def schedule_of(*entries, **fields):
    entries = [LearningRateSchedule(step=s, learning_rate=r) for s, r in entries]
    return ManualStepLearningRate(schedule=entries, **fields)


def test_warm_up_of_the_studys_vgg():
    """.64, .8 and 1 times 3e-4: 1.92e-4 for 10k steps, 2.4e-4 for 10k, then 3e-4."""
    schedule = schedule_of(
        (10_000, 2.4e-4), (20_000, 3e-4), initial_learning_rate=1.92e-4
    )
    got = rates(schedule, [0, 9_999, 10_000, 19_999, 20_000, 10**7])
    expected = [1.92e-4, 1.92e-4, 2.4e-4, 2.4e-4, 3e-4, 3e-4]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_faster_rcnn_drops_of_the_study():
    schedule = schedule_of(
        (900_000, 3e-5), (1_200_000, 3e-6), initial_learning_rate=3e-4
    )
    got = rates(schedule, [899_999, 900_000, 1_199_999, 1_200_000])
    np.testing.assert_allclose(got, [3e-4, 3e-5, 3e-5, 3e-6], rtol=1e-6)


def test_warmup_is_a_line_from_the_first_rate_to_the_second():
    """From 0 to .4 in 4 steps, 0, .1, .2, .3, then .4 and, from step 6, .04."""
    schedule = schedule_of((4, 0.4), (6, 0.04), initial_learning_rate=0.0, warmup=True)
    got = rates(schedule, range(7))
    np.testing.assert_allclose(got, [0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.04], rtol=1e-6)


@pytest.mark.parametrize("warmup", [False, True])
def test_no_entries_is_a_constant(warmup):
    schedule = schedule_of(initial_learning_rate=0.5, warmup=warmup)
    assert rates(schedule, [0, 1000]) == [0.5, 0.5]


def test_steps_must_increase():
    with pytest.raises(
        ValueError, match="step 5 after step 5: the steps must increase"
    ):
        schedule_of((5, 0.1), (5, 0.2))


def test_step_zero_takes_the_place_of_the_initial_rate():
    """As the first sample configs of the old API write it."""
    schedule = schedule_of((0, 0.3), (5, 0.1), initial_learning_rate=0.7)
    np.testing.assert_allclose(rates(schedule, [0, 4, 5]), [0.3, 0.3, 0.1], rtol=1e-6)


def test_no_warm_up_leads_to_step_zero():
    with pytest.raises(ValueError, match="no warm-up leads: remove warmup"):
        schedule_of((0, 0.3), warmup=True)


def test_an_entry_without_its_step_names_its_place_in_the_config():
    message = optimizer_pb2.LearningRate()
    entries = message.manual_step_learning_rate.schedule
    entries.add(step=10)
    entries.add(learning_rate=0.1)
    with pytest.raises(ConfigError, match="step is not set") as caught:
        build(message)
    assert caught.value.field_path == "manual_step_learning_rate.schedule[1]"


def test_step_zero_of_a_config():
    message = optimizer_pb2.LearningRate()
    entries = message.manual_step_learning_rate.schedule
    entries.add(step=0, learning_rate=0.3)
    assert rates(build(message), [0]) == [pytest.approx(0.3)]
