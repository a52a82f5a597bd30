"""L2 normalisation of feature vectors."""

import keras
import numpy as np
import tensorflow as tf

from od_api.layers.l2_normalization import L2Normalization


def _layer(depth, scale=20.0):
    layer = L2Normalization(scale, name="l2")
    layer.build((None, None, None, depth))
    return layer


def test_a_vector_of_length_5():
    """(3, 4) / 5 * 20 = (12, 16); 100 times the vector gives the same."""
    layer = _layer(2)
    for factor in (1.0, 100.0):
        result = layer(tf.constant([[[[3.0 * factor, 4.0 * factor]]]]))
        np.testing.assert_allclose(result, [[[[12.0, 16.0]]]], rtol=1e-5)


def test_every_cell_has_the_scale_as_its_length():
    layer = _layer(8, scale=3.0)
    result = layer(tf.random.normal([2, 5, 4, 8]))
    lengths = tf.norm(result, axis=-1)
    np.testing.assert_allclose(lengths, tf.fill([2, 5, 4], 3.0), rtol=1e-5)


def test_one_trained_number_a_channel():
    layer = _layer(3)
    assert [v.path for v in layer.trainable_variables] == ["l2/scale"]
    layer.scale.assign([1.0, 2.0, 3.0])
    result = layer(tf.constant([[[[2.0, 2.0, 1.0]]]]))
    np.testing.assert_allclose(result, [[[[2 / 3, 4 / 3, 1.0]]]], rtol=1e-5)


def test_zeros_stay_zeros_with_a_finite_gradient():
    layer, cells = _layer(4), tf.Variable(tf.zeros([1, 2, 2, 4]))
    with tf.GradientTape() as tape:
        result = layer(cells)
    np.testing.assert_array_equal(result, tf.zeros([1, 2, 2, 4]))
    assert np.isfinite(tape.gradient(result, cells)).all()


def test_half_precision_does_not_overflow():
    """The squares of 1,000 are beyond float16's 65,504."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = _layer(4)
    finally:
        keras.config.set_dtype_policy("float32")
    result = layer(tf.fill([1, 1, 1, 4], 1000.0))
    assert result.dtype == tf.float16 and layer.scale.dtype == "float32"
    np.testing.assert_allclose(result, tf.fill([1, 1, 1, 4], 10.0), rtol=1e-3)
