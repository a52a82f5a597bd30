"""Chain: order, shapes, names, and layers that several chains share."""

import keras
import numpy as np
import tensorflow as tf

from od_api.layers.chain import Chain


def dense(units, value, name):
    return keras.layers.Dense(
        units, kernel_initializer=keras.initializers.Constant(value), name=name
    )


def test_layers_apply_in_order():
    """(1 + 2) x 3 = 9, ReLU, x -1 = -9: another order would give 0 or 9."""
    chain = Chain(
        [dense(1, 3.0, "first"), keras.layers.ReLU(), dense(1, -1.0, "last")],
        name="chain",
    )
    np.testing.assert_allclose(chain(tf.constant([[1.0, 2.0]])), [[-9]])


def test_none_is_left_out_and_nothing_is_the_identity():
    chain = Chain([None, dense(2, 1.0, "only"), None], name="chain")
    assert [step.name for step in chain.steps] == ["only"]
    x = tf.constant([[1.0, 2.0]])
    np.testing.assert_array_equal(Chain([None], name="empty")(x), x)


def test_shapes_are_known_before_the_call():
    """Two convolutions of stride 2: 9 x 7 -> 5 x 4 -> 3 x 2."""
    chain = Chain(
        [
            keras.layers.Conv2D(4, 3, strides=2, padding="same", name="a"),
            keras.layers.Conv2D(6, 3, strides=2, padding="same", name="b"),
        ],
        name="chain",
    )
    chain.build((None, 9, 7, 3))
    assert chain.compute_output_shape((2, 9, 7, 3)) == (2, 3, 2, 6)
    assert chain(tf.zeros([2, 9, 7, 3])).shape == (2, 3, 2, 6)


def test_paths_are_chain_layer_variable():
    chain = Chain([dense(2, 1.0, "a"), dense(2, 1.0, "b")], name="chain")
    chain.build((None, 2))
    paths = [variable.path for variable in chain.variables]
    assert paths == [f"chain/{n}/{v}" for n in "ab" for v in ("kernel", "bias")]


def test_a_shared_layer_belongs_to_the_first_chain():
    shared = dense(2, 1.0, "shared")
    first, second = Chain([shared], name="first"), Chain([shared], name="second")
    first.build((None, 2))
    second.build((None, 2))
    assert first.variables[0] is second.variables[0]
    assert first.variables[0].path == "first/shared/kernel"


def test_training_reaches_the_layers():
    """Batch norm of (0, 2) while training: (-1, 1) up to its epsilon."""
    chain = Chain([keras.layers.BatchNormalization(epsilon=1e-9)], name="chain")
    x = tf.constant([[0.0], [2.0]])
    np.testing.assert_allclose(chain(x), x)
    np.testing.assert_allclose(chain(x, training=True), [[-1], [1]], atol=1e-6)
