"""The arithmetic of layers that are made within a block."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.core.precision import precision_policy


@pytest.mark.parametrize(
    ("precision", "compute"),
    [
        ("FLOAT32", tf.float32),
        ("MIXED_FLOAT16", tf.float16),
        ("MIXED_BFLOAT16", tf.bfloat16),
    ],
)
def test_outputs_are_computed_so_and_weights_are_float32(precision, compute):
    with precision_policy(precision):
        layer = keras.layers.Dense(2)
    assert layer(np.ones([1, 3], np.float32)).dtype == compute
    assert layer.kernel.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_the_policy_from_before_comes_back_after_an_error():
    before = keras.config.dtype_policy()
    with pytest.raises(KeyError, match="FLOAT8"), precision_policy("FLOAT8"):
        pass
    with pytest.raises(RuntimeError), precision_policy("MIXED_FLOAT16"):
        raise RuntimeError
    assert keras.config.dtype_policy() == before
