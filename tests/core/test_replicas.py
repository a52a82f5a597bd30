"""Averages that move under a lock, and where their ops run."""

import numpy as np
import tensorflow as tf

from od_api.core.replicas import average_statistics, beside, move_average


def test_a_move_by_hand():
    """From 8 a quarter of the way to 4: 8 - .25 * (8 - 4) = 7."""
    average = tf.Variable([8.0, 0.0])
    move_average(average, tf.constant([4.0, 4.0]), 0.25)
    np.testing.assert_allclose(average, [7, 1])


def test_one_replica_has_nothing_to_average():
    variable = tf.Variable([1.0])
    average_statistics([variable])
    average_statistics([])
    assert variable.numpy() == [1]


def device_of_an_op(variable):
    with tf.Graph().as_default(), beside(variable):
        return tf.no_op().device


def test_ops_run_beside_the_variable_on_a_parameter_server(monkeypatch):
    variable = tf.Variable(1.0)
    assert device_of_an_op(variable) == ""
    servers = object.__new__(tf.distribute.ParameterServerStrategy)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: servers)
    assert device_of_an_op(variable) == variable.device != ""
