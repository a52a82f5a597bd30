import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.optim.rms_prop_optimizer import RMSPropOptimizer
from od_api.protos import optimizer_pb2


def parse(text):
    return build(text_format.Parse(text, optimizer_pb2.Optimizer()))


def test_old_ssd_config():
    """The optimizer block that most SSD samples of the old API carry."""
    optimizer = parse(
        """
        rms_prop_optimizer {
          learning_rate {
            exponential_decay_learning_rate {
              initial_learning_rate: 0.004
              decay_steps: 800720
              decay_factor: 0.95
            }
          }
          momentum_optimizer_value: 0.9
          decay: 0.9
          epsilon: 1.0
        }"""
    )
    assert isinstance(optimizer.rule, RMSPropOptimizer)
    assert optimizer.ema is not None
    assert float(optimizer.learning_rate(800720)) == pytest.approx(0.0038)


def test_average_follows_the_updates():
    """Plain descent at rate 1 from 0 with gradient -1: w = 1, average .9 of it."""
    rate = "constant_learning_rate { learning_rate: 1 }"
    optimizer = parse(f"momentum_optimizer {{ learning_rate {{ {rate} }} }}")
    variable = tf.Variable([0.0])
    slots = optimizer.create_slots({"w": variable})
    assert list(slots["w"]) == ["momentum"]
    optimizer.apply({"w": tf.constant([-1.0])}, tf.constant(0, tf.int64))
    np.testing.assert_allclose(variable.numpy(), [1.0])
    average = optimizer.ema.slot_variables()["w"]
    np.testing.assert_allclose(average.numpy(), [0.9])


def test_average_can_be_switched_off():
    optimizer = parse(
        """
        adam_optimizer { learning_rate { constant_learning_rate {} } }
        use_moving_average: false"""
    )
    assert optimizer.ema is None


def test_no_optimizer_named():
    with pytest.raises(ConfigError, match=r"set one of rms_prop_optimizer, momentum"):
        parse("use_moving_average: false")


def test_errors_carry_the_path():
    with pytest.raises(ConfigError, match="is empty: set one of constant") as caught:
        parse("adam_optimizer { learning_rate {} }")
    assert caught.value.field_path == "adam_optimizer.learning_rate"
