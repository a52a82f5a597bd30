"""Deformable convolution: its limits, shifts, groups, factors and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.deformable_conv import DeformableConv2D, deformable_conv

RNG = np.random.default_rng(3)
MAPS = tf.constant(RNG.normal(size=(2, 7, 9, 4)), tf.float32)
KERNEL = tf.constant(RNG.normal(size=(3, 3, 4, 5)), tf.float32)


def offsets_of(y, x, groups=1, shape=(2, 7, 9)):
    """The same (dy, dx) at every tap."""
    return tf.tile(tf.constant([y, x], tf.float32), [9 * groups])[None, None, None] + (
        tf.zeros([*shape, 18 * groups])
    )


@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2), (1, 3)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_zero_offsets_are_an_ordinary_convolution(strides, dilation, groups):
    want = tf.nn.conv2d(MAPS, KERNEL, strides, "SAME", dilations=dilation)
    offsets = offsets_of(0, 0, groups, want.shape[:3])
    got = deformable_conv(MAPS, KERNEL, offsets, strides=strides, dilation=dilation)
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_a_whole_cell_is_a_shifted_map():
    """(0, 1) at every tap: the convolution of the map moved left by one column."""
    moved = tf.pad(MAPS[:, :, 1:], [[0, 0], [0, 0], [0, 1], [0, 0]])
    want = tf.nn.conv2d(MAPS[:, :, 1:], KERNEL, 1, "SAME")
    got = deformable_conv(MAPS, KERNEL, offsets_of(0, 1))
    # At the left the moved map has lost what the offsets still read.
    np.testing.assert_allclose(got[:, :, 1:-1], want[:, :, 1:], atol=1e-4)
    assert moved.shape == MAPS.shape


def test_offsets_are_dy_dx_of_each_tap():
    """Only the tap of row 0, column 2 has a weight; (2, -1) sends it from (-1, 1) to
    (1, 0): the cell below."""
    kernel = np.zeros([3, 3, 1, 1], np.float32)
    kernel[0, 2] = 1
    offsets = np.zeros([2, 7, 9, 18], np.float32)
    offsets[..., 2 * 2 : 2 * 2 + 2] = [2, -1]
    got = deformable_conv(MAPS[..., :1], tf.constant(kernel), tf.constant(offsets))
    np.testing.assert_allclose(got[:, :-1], MAPS[:, 1:, :, :1], atol=1e-6)


def test_each_group_has_its_own():
    """The first two channels stay, the others move: the sum of two convolutions."""
    offsets = tf.concat([offsets_of(0, 0), offsets_of(0.5, -1)], axis=-1)
    got = deformable_conv(MAPS, KERNEL, offsets)
    first = deformable_conv(MAPS[..., :2], KERNEL[:, :, :2], offsets_of(0, 0))
    second = deformable_conv(MAPS[..., 2:], KERNEL[:, :, 2:], offsets_of(0.5, -1))
    np.testing.assert_allclose(got, first + second, atol=1e-4)


def test_factors_of_taps():
    """A factor of one tap is a factor of its weights."""
    factors = np.ones([2, 7, 9, 9], np.float32)
    factors[..., 4] = 0.25
    kernel = KERNEL.numpy()
    kernel[1, 1] *= 0.25
    got = deformable_conv(
        MAPS, KERNEL, offsets_of(0.3, 0.2), modulation=tf.constant(factors)
    )
    want = deformable_conv(MAPS, tf.constant(kernel), offsets_of(0.3, 0.2))
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_gradient_to_offsets_is_weight_times_slope():
    """On the ramp 3 x, w of every tap: dx gets 3 w, dy nothing (T05)."""
    ramp = 3.0 * tf.tile(tf.range(9.0)[None, None, :, None], [1, 9, 1, 1])
    kernel = tf.reshape(tf.range(1.0, 10.0), [3, 3, 1, 1])
    offsets = tf.Variable(tf.fill([1, 9, 9, 18], 0.25))
    with tf.GradientTape() as tape:
        out = deformable_conv(ramp, kernel, offsets)[0, 4, 4, 0]
    gradient = tf.convert_to_tensor(tape.gradient(out, offsets))[0, 4, 4]
    np.testing.assert_allclose(gradient[1::2], 3 * np.arange(1.0, 10), rtol=1e-5)
    np.testing.assert_allclose(gradient[0::2], np.zeros(9), atol=1e-5)


@pytest.mark.parametrize("modulated", [False, True])
def test_the_layer_starts_as_a_convolution(modulated):
    layer = DeformableConv2D(5, 3, groups=2, modulated=modulated, strides=2)
    plain = keras.layers.Conv2D(5, 3, strides=2, padding="same")
    got = layer(MAPS)
    plain.build(MAPS.shape)
    for mine, theirs in zip(plain.weights, layer.published_weights, strict=True):
        mine.assign(theirs)
    np.testing.assert_allclose(got, plain(MAPS), atol=1e-4)
    assert layer.compute_output_shape((2, 7, 9, 4)) == got.shape
    assert layer.count_params() == 180 + 5 + (9 * 4 + 1) * 18 * (3 if modulated else 2)


def test_compiled_half_precision_and_unknown_sizes():
    offsets = tf.constant(RNG.normal(size=(2, 7, 9, 36)), tf.float32)
    want = deformable_conv(MAPS, KERNEL, offsets)
    compiled = tf.function(deformable_conv, jit_compile=True)(MAPS, KERNEL, offsets)
    np.testing.assert_allclose(compiled, want, atol=1e-4)
    half = [tf.cast(x, tf.float16) for x in (MAPS, KERNEL)]
    got = deformable_conv(*half, offsets)
    assert got.dtype == tf.float16
    np.testing.assert_allclose(got, want, atol=0.05)
    spec = [
        tf.TensorSpec([None, None, None, 4]),
        tf.TensorSpec([3, 3, 4, 5]),
        tf.TensorSpec([None, None, None, 36]),
    ]
    unknown = tf.function(deformable_conv, input_signature=spec)
    np.testing.assert_allclose(unknown(MAPS, KERNEL, offsets), want, atol=1e-5)


def test_refusals():
    with pytest.raises(ValueError, match="17 offsets of 9 taps"):
        deformable_conv(MAPS, KERNEL, tf.zeros([2, 7, 9, 17]))
    with pytest.raises(ValueError, match="no 3 equal groups"):
        DeformableConv2D(5, groups=3).build((None, None, None, 4))
