"""Names of variables: part, path; penalties; values in this process."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.core import variables
from od_api.core.errors import UserError


def dense(name, **settings):
    layer = keras.layers.Dense(1, name=name, **settings)
    layer.build((None, 2))
    return layer


def test_names_are_part_and_path():
    parts = {"neck": dense("a"), "head": dense("a")}
    named = variables.named_variables(parts)
    assert list(named) == [
        f"{part}/a/{v}" for part in ("neck", "head") for v in ("kernel", "bias")
    ]
    assert named["head/a/bias"] is parts["head"].bias.value


def test_only_trainable_ones_are_trained():
    norm = keras.layers.BatchNormalization(name="norm")
    norm.build((None, 2))
    frozen = dense("frozen")
    frozen.trainable = False
    names = variables.trainable_variables({"neck": norm, "head": frozen})
    assert list(names) == ["neck/norm/gamma", "neck/norm/beta"]
    assert len(variables.named_variables({"neck": norm, "head": frozen})) == 6


def test_two_of_one_name_are_refused():
    class Twice(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="twice")
            self.layers = [dense("a"), dense("a")]

    with pytest.raises(ValueError, match="two variables are called head/a/kernel"):
        variables.named_variables({"head": Twice()})


def test_penalties_of_all_parts_are_summed():
    """Kernels of ones, 2 weights each: .1 x 2 and .5 x 2; without any it is 0."""
    ones = keras.initializers.Ones()
    parts = {
        str(weight): dense(
            "a",
            kernel_initializer=ones,
            kernel_regularizer=keras.regularizers.L1(weight),
        )
        for weight in (0.1, 0.5)
    }
    assert float(variables.regularization_loss(parts)) == pytest.approx(1.2)
    assert float(variables.regularization_loss({"head": dense("a")})) == 0


def test_fetched_values_do_not_change_with_the_variable():
    variable = tf.Variable([1.0, 2.0])
    values = variables.fetched({"model": {"x": variable}})
    variable.assign([3.0, 4.0])
    np.testing.assert_array_equal(values["model"]["x"], [1, 2])


def test_a_lost_server_is_said(monkeypatch):
    def lost(value):
        raise tf.errors.UnavailableError(None, None, "Connection refused\nmore")

    monkeypatch.setattr(variables.tf, "identity", lost)
    with pytest.raises(UserError, match=r"is lost, .*: Connection refused\. Start it"):
        variables.fetched({"model": {"x": tf.Variable(1.0)}})
