"""The arithmetic that a network is built with."""

import contextlib

import keras

_POLICIES = {
    "FLOAT32": "float32",
    "MIXED_FLOAT16": "mixed_float16",
    "MIXED_BFLOAT16": "mixed_bfloat16",
}


@contextlib.contextmanager
def precision_policy(precision):
    """Layers made inside compute in `precision`, a name of the enum Precision.

    Weights stay float32, and so do losses, boxes and what a detector returns.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
