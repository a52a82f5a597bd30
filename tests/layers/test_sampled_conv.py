"""1x1 convolutions with a stride: Keras' function, gradients that end no process."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers import keras_network
from od_api.layers.sampled_conv import EachCell, conv


@pytest.mark.parametrize("size", [(5, 8), (6, 7), (64, 80)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [2, 3])
def test_as_tensorflow_has_it_with_gradients(size, padding, stride):
    """Against products of the cells that are read; of 64 x 80 cells with a stride of 2
    the library's own gradients end the process."""
    x = tf.random.stateless_normal([2, *size, 2], (1, 2))
    kernel = tf.random.stateless_normal([1, 1, 2, 3], (3, 4))
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        made = conv(x, kernel, strides=(stride, stride), padding=padding)
        total = tf.reduce_sum(made**2) / 2
    want = tf.nn.conv2d(x, kernel, stride, padding.upper())
    np.testing.assert_allclose(made, want, rtol=1e-5, atol=1e-5)
    assert (
        EachCell((stride, stride)).compute_output_shape(x.shape)[:3] == made.shape[:3]
    )
    of_maps, of_kernel = tape.gradient(total, [x, kernel])
    taken = x[:, ::stride, ::stride]
    expected = tf.einsum("bhwc,bhwd->cd", taken, made)
    np.testing.assert_allclose(of_kernel[0, 0], expected, rtol=1e-4, atol=1e-4)
    back = tf.einsum("bhwd,cd->bhwc", made, kernel[0, 0])
    np.testing.assert_allclose(
        of_maps[:, ::stride, ::stride], back, rtol=1e-4, atol=1e-4
    )


def test_where_it_stands():
    """Before 1x1 convolutions with a stride that read few channels, alone."""
    images = keras.Input([None, None, 3])
    x = keras.layers.Conv2D(16, 1, strides=2, name="few")(images)
    x = keras.layers.Conv2D(4, 1, strides=2, name="many")(x)
    x = keras.layers.Conv2D(4, 1, name="plain")(x)
    x = keras.layers.Conv2D(4, 3, strides=2, name="wide")(x)
    given = keras.Model(images, x)
    made = keras_network.rebuild(given, name="network")
    names = [layer.name for layer in made.layers[1:]]
    assert names == ["few_cells", "few", "many", "plain", "wide"]
    made.set_weights(given.get_weights())
    image = tf.random.stateless_normal([1, 33, 46, 3], (3, 4))
    np.testing.assert_allclose(made(image), given(image), rtol=1e-4, atol=1e-5)
    again = keras_network.rebuild(made, name="again")
    assert [layer.name for layer in again.layers[1:]] == names
