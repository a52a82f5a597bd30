"""A convolution in branches: their reach, values, weights."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.branched_conv import BranchedConv2D

DILATIONS = (1, 2, 3)


def conv(**arguments):
    return BranchedConv2D(
        dilations=DILATIONS, filters=2, kernel_size=3, padding="same", **arguments
    )


@pytest.mark.parametrize("branch, reach", [(0, 3), (1, 5), (2, 7)])
def test_reach_of_the_branches(branch, reach):
    """Kernels of 3, 5 and 7 cells in effect (T25): where one cell is seen."""
    layer = conv(opens=True, kernel_initializer="ones")
    spot = np.zeros((1, 9, 9, 1), np.float32)
    spot[0, 4, 4] = 1
    rows, _ = np.nonzero(layer(spot)[branch, :, :, 0])
    assert rows.max() - rows.min() + 1 == reach


@pytest.mark.parametrize("opens", [True, False])
def test_each_branch_is_a_convolution_of_its_dilation(opens):
    layer = conv(opens=opens)
    x = tf.random.stateless_normal([2 if opens else 6, 7, 8, 3], (1, 2))
    found = tf.split(layer(x), 3)
    assert layer.count_params() == 9 * 3 * 2 + 2
    layer.bias.assign([1, 2])
    again = tf.split(layer(x), 3)
    for i, dilation in enumerate(DILATIONS):
        part = x if opens else tf.split(x, 3)[i]
        kernel = tf.convert_to_tensor(layer.kernel)
        expected = tf.nn.conv2d(part, kernel, 1, "SAME", dilations=dilation)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
        np.testing.assert_allclose(again[i], expected + np.float32([1, 2]), atol=1e-5)


def test_one_alone_in_inference():
    layer = conv(opens=True, alone=1)
    x = tf.random.stateless_normal([2, 7, 8, 3], (1, 2))
    assert layer(x).shape == (2, 7, 8, 2)
    all_of_them = layer(x, training=True)
    assert all_of_them.shape == (6, 7, 8, 2)
    np.testing.assert_allclose(layer(x), all_of_them[2:4], atol=1e-6)


def test_a_dilation_multiplies_and_sizes_may_be_unknown():
    layer = conv(opens=False, dilation_rate=2)
    x = tf.random.stateless_normal([3, 9, 9, 1], (1, 2))
    kernel = tf.convert_to_tensor((layer(x), layer.kernel)[1])
    expected = tf.nn.conv2d(x[2:], kernel, 1, "SAME", dilations=6)
    spec = tf.TensorSpec([None, None, None, 1])
    traced = tf.function(lambda x: layer(x), input_signature=[spec])
    np.testing.assert_allclose(traced(x)[2:], expected, atol=1e-5)
