"""Steps of the input pipeline that other processes can run."""

import pytest
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.data.portable import traced_to_send

SPECS = (tf.TensorSpec([], tf.float32),)


def test_ops_alone_are_sent_as_they_are():
    """Constants of the process go along: x -> 2 x + 1."""
    one = tf.constant(1.0)
    step = traced_to_send(
        lambda x: tf.cond(x > 0, lambda: 2 * x + one, lambda: x), SPECS
    )
    assert float(step(tf.constant(3.0))) == 7


def test_python_is_refused():
    for call in (tf.py_function, tf.numpy_function):
        with pytest.raises(ConfigError, match=r"uses Python code \(.*PyFunc") as caught:
            traced_to_send(lambda x, c=call: c(lambda v: v, [x], tf.float32), SPECS)
        assert caught.value.field_path == "train_config.data_augmentation_options"


def test_a_variable_or_a_table_of_this_process_is_refused():
    variable = tf.Variable(1.0)
    with pytest.raises(ConfigError, match=r"a table or variable \(.*ReadVariable"):
        traced_to_send(lambda x: x + variable, SPECS)
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer([1], [2.0]), 0.0
    )
    with pytest.raises(ConfigError, match=r"a table or variable \(.*LookupTable"):
        traced_to_send(lambda x: table.lookup(tf.cast(x, tf.int32)), SPECS)
