"""RoIConv: an ordinary convolution over k cells, RoIAlign of a ramp, no gradient."""

import numpy as np
import tensorflow as tf

from od_api.layers.roi_conv import RoiConv2D

STRIDE = (16.0, 8.0)


def around(height, width, shape=(5, 7), move=(0.0, 0.0)):
    """[1, h, w, 4]: a box of that many cells around every cell, in pixels."""
    y, x = np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij")
    y, x = y + move[0], x + move[1]
    sides = [y - height / 2, x - width / 2, y + height / 2, x + width / 2]
    pixels = np.stack(sides, axis=-1) * [*STRIDE, *STRIDE]
    return tf.constant(pixels[None], tf.float32)


def test_k_by_k_cells_are_an_ordinary_convolution():
    for size in (1, 3):
        layer = RoiConv2D(4, size)
        maps = tf.random.stateless_normal([1, 5, 7, 3], (1, 2))
        got = layer(maps, around(size, size), strides=STRIDE)
        want = tf.nn.conv2d(maps, tf.convert_to_tensor(layer.kernel), 1, "SAME")
        np.testing.assert_allclose(got, want, atol=1e-5)
        assert layer.count_params() == size**2 * 3 * 4 + 4


def test_mean_of_a_ramp_is_its_value_in_the_middle_of_the_box():
    """f = 2 y + 3 x; boxes of 1.8 x 1.2 cells, .3 and -.2 cells off, inside the map."""
    y, x = np.meshgrid(np.arange(9.0), np.arange(8.0), indexing="ij")
    maps = tf.constant((2 * y + 3 * x)[None, ..., None], tf.float32)
    layer = RoiConv2D(1)
    boxes = around(1.8, 1.2, (9, 8), (0.3, -0.2))
    layer.build(maps.shape)
    layer.kernel.assign(tf.fill([3, 3, 1, 1], 1 / 9))
    got = layer(maps, boxes, strides=STRIDE)[0, 2:-2, 2:-2, 0]
    want = 2 * (y + 0.3) + 3 * (x - 0.2)
    np.testing.assert_allclose(got, want[2:-2, 2:-2], atol=1e-4)


def test_no_gradient_to_boxes():
    layer = RoiConv2D(2)
    maps, boxes = tf.random.stateless_normal([1, 5, 7, 3], (1, 2)), around(2, 4)
    with tf.GradientTape() as tape:
        tape.watch([maps, boxes])
        value = tf.reduce_sum(layer(maps, boxes, strides=STRIDE) ** 2)
    to_maps, to_boxes = tape.gradient(value, [maps, boxes])
    assert to_boxes is None and np.abs(to_maps).max() > 0
