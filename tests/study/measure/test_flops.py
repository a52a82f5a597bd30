"""Multiply-adds and parameters against counts by hand."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.study.measure import flops

RNG = np.random.default_rng(3)


def weights(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def count(function, side=8, **attributes):
    """(multiply-adds, by operation, parameters) of a function of a uint8 image."""
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8, "input_tensor")
    concrete = tf.function(function, autograph=False).get_concrete_function(spec)
    frozen = flops.frozen(concrete)
    counted = flops.multiply_adds(frozen, np.zeros([1, side, side, 3], np.uint8))
    kinds = counted["by_operation"]
    return counted["multiply_adds"], kinds, flops.parameters(frozen)


def test_convolution():
    """8x8 -> 4x4 with stride 2: 4 * 4 outputs * 5 channels * (3 * 3 * 3) each.

    Parameters: 3 * 3 * 3 * 5 of the kernel and 5 of the bias.
    """
    kernel, bias = weights(3, 3, 3, 5), weights(5)

    def network(image):
        maps = tf.nn.conv2d(tf.cast(image, tf.float32), kernel, 2, "SAME")
        return tf.nn.relu(tf.nn.bias_add(maps, bias))

    assert count(network) == (2160, {"Conv2D": 2160}, 140)


def test_depthwise_convolution():
    """8x8 outputs * 3 channels * 2 filters each * 9; "valid" would be 6x6."""
    kernel = weights(3, 3, 3, 2)

    def network(image, padding="SAME"):
        image = tf.cast(image, tf.float32)
        return tf.nn.depthwise_conv2d(image, kernel, [1, 1, 1, 1], padding)

    assert count(network) == (3456, {"DepthwiseConv2dNative": 3456}, 54)
    valid = count(lambda image: network(image, "VALID"))
    assert valid[0] == 6 * 6 * 3 * 2 * 9


def test_dense_layer():
    """192 inputs * 7 outputs; 192 * 7 + 7 parameters."""
    kernel, bias = weights(192, 7), weights(7)

    def network(image):
        rows = tf.reshape(tf.cast(image, tf.float32), [-1, 192])
        return rows @ kernel + bias

    assert count(network) == (1344, {"MatMul": 1344}, 1351)


def test_a_second_stage_counts_once_for_each_proposal():
    """1x1 convolution of the map: 8 * 8 * 3 * 4 = 768.

    The boxes that survive suppression are known at run time alone: of 6, three pairs
    that cover each other, 3 are left. Each has a 2x2 crop, a 2x2 "valid" convolution
    from 4 to 5 channels, 2 * 2 * 4 * 5 = 80, and a dense layer 5 * 2 = 10.
    768 + 3 * 90 = 1038. Parameters: 12 + 80 + 10.
    """
    first, second, dense = weights(1, 1, 3, 4), weights(2, 2, 4, 5), weights(5, 2)
    corners = np.array([[0, 0], [0.5, 0], [0.5, 0.5]]).repeat(2, axis=0)
    boxes = tf.constant(np.concatenate([corners, corners + 0.5], 1), tf.float32)

    def network(image):
        maps = tf.nn.conv2d(tf.cast(image, tf.float32), first, 1, "SAME")
        kept = tf.image.non_max_suppression(boxes, tf.linspace(1.0, 0.5, 6), 300)
        proposals = tf.gather(boxes, kept)
        of_image = tf.zeros_like(kept)
        crops = tf.image.crop_and_resize(maps, proposals, of_image, [2, 2])
        regions = tf.nn.conv2d(crops, second, 1, "VALID")
        return tf.reshape(regions, [-1, 5]) @ dense

    total, kinds, parameters = count(network)
    assert kinds == {"Conv2D": 768 + 3 * 80, "MatMul": 3 * 10}
    assert (total, parameters) == (1038, 102)


def test_products_of_activations_are_no_layers():
    def network(image):
        rows = tf.reshape(tf.cast(image, tf.float32), [-1, 24])
        return tf.matmul(rows, rows, transpose_b=True)

    assert count(network) == (0, {}, 0)


def test_a_layer_inside_a_loop_is_refused():
    kernel = weights(1, 1, 3, 3)

    def network(image):
        image = tf.cast(image, tf.float32)
        again = lambda i, x: (i + 1, tf.nn.conv2d(x, kernel, 1, "SAME"))  # noqa: E731
        return tf.while_loop(lambda i, _: i < 3, again, [0, image])[1]

    with pytest.raises(UserError, match="cannot be counted"):
        count(network)
