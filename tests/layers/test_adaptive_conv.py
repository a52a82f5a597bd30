"""Adaptive convolution: offsets by hand, its limit, no gradient to boxes."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.adaptive_conv import AdaptiveConv2D, box_offsets

STRIDE = (16.0, 16.0)


def around(height, width, shape=(5, 7)):
    """[1, h, w, 4]: a box of that size in pixels around every cell."""
    y, x = np.meshgrid(*(16.0 * np.arange(n) for n in shape), indexing="ij")
    sides = [y - height / 2, x - width / 2, y + height / 2, x + width / 2]
    return tf.constant(np.stack(sides, axis=-1)[None], tf.float32)


def test_offsets_by_hand():
    """96 x 48 px are 6 x 3 cells: columns at -3, 0, 3, rows at -1.5, 0, 1.5 (T24)."""
    found = box_offsets(around(48, 96), STRIDE, 3)[0, 2, 4]
    want = [[(-2, -0.5), (0, -0.5), (2, -0.5)]]
    want += [[(-2, 0), (0, 0), (2, 0)], [(-2, 0.5), (0, 0.5), (2, 0.5)]]
    dy_dx = np.array(want).reshape(9, 2)[:, ::-1]
    np.testing.assert_allclose(tf.reshape(found, [9, 2]), dy_dx, atol=1e-5)


def test_centre_offset():
    """A box that stands one cell further down and half a cell left moves every tap."""
    boxes = around(32, 32) + tf.constant([16.0, -8, 16, -8])
    found = tf.reshape(box_offsets(boxes, STRIDE, 3)[0, 1, 1], [9, 2])
    np.testing.assert_allclose(found, np.tile([1, -0.5], [9, 1]), atol=1e-5)


def test_two_cells_around_the_cell_are_an_ordinary_convolution():
    layer = AdaptiveConv2D(4)
    maps = tf.random.stateless_normal([2, 5, 7, 3], (1, 2))
    boxes = tf.tile(around(32, 32), [2, 1, 1, 1])
    got = layer(maps, boxes, strides=STRIDE)
    want = tf.nn.conv2d(maps, tf.convert_to_tensor(layer.kernel), 1, "SAME")
    np.testing.assert_allclose(got, want, atol=1e-5)
    assert layer.count_params() == 9 * 3 * 4 + 4


def test_no_gradient_to_boxes():
    layer = AdaptiveConv2D(4)
    maps = tf.random.stateless_normal([1, 5, 7, 3], (1, 2))
    boxes = around(30, 50)
    with tf.GradientTape() as tape:
        tape.watch([maps, boxes])
        value = tf.reduce_sum(layer(maps, boxes, strides=STRIDE) ** 2)
    to_maps, to_boxes = tape.gradient(value, [maps, boxes])
    assert to_boxes is None and np.abs(to_maps).max() > 0


def test_compiled_is_the_same():
    layer = AdaptiveConv2D(4)
    maps = tf.random.stateless_normal([1, 5, 7, 3], (1, 2))
    want = layer(maps, around(70, 20), strides=STRIDE)
    run = tf.function(lambda m, b: layer(m, b, strides=STRIDE), jit_compile=True)
    np.testing.assert_allclose(run(maps, around(70, 20)), want, atol=1e-4)


def test_one_tap_has_no_edges():
    with pytest.raises(ValueError, match="kernel_size"):
        AdaptiveConv2D(4, kernel_size=1)
