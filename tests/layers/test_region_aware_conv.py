"""Dynamic region-aware convolution: masks, kernels by region, counts, gradients."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_gradients, check_graph

from od_api.layers.region_aware_conv import (
    RegionAwareConv2D,
    region_conv,
    region_mask,
)

RNG = np.random.default_rng(0)
MAPS = RNG.normal(size=(2, 5, 7, 4)).astype(np.float32)
GUIDE = RNG.normal(size=(2, 5, 7, 3)).astype(np.float32)


def test_mask_is_one_region_a_cell_with_the_softmax_gradient():
    with tf.GradientTape(persistent=True) as tape:
        guide = tf.constant(GUIDE)
        tape.watch(guide)
        mask, soft = region_mask(guide), tf.nn.softmax(guide)
        values = tf.constant(RNG.normal(size=GUIDE.shape), tf.float32)
        sums = tf.reduce_sum(mask * values), tf.reduce_sum(soft * values)
    np.testing.assert_array_equal(mask, np.eye(3)[GUIDE.argmax(axis=-1)])
    made, want = (tape.gradient(total, guide) for total in sums)
    np.testing.assert_allclose(made, want, atol=1e-6)


@pytest.mark.parametrize("side", [1, 3])
def test_every_cell_is_read_by_its_region_s_kernel(side):
    """Against one convolution for each image and region, chosen cell by cell."""
    kernels = RNG.normal(size=(2, 3, side, side, 4, 5)).astype(np.float32)
    made = region_conv(MAPS, tf.constant(kernels), region_mask(GUIDE)).numpy()
    for b in range(2):
        each = [tf.nn.conv2d(MAPS[b : b + 1], k, 1, "SAME")[0] for k in kernels[b]]
        region = GUIDE[b].argmax(axis=-1)
        want = np.take_along_axis(np.stack(each), region[None, ..., None], axis=0)[0]
        np.testing.assert_allclose(made[b], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("side", "sizes"), [(1, (5, 7)), (3, (5, 7)), (3, (6, 8))])
def test_a_stride_is_a_convolution_s(side, sizes):
    """With equal kernels, of odd and of even sizes."""
    kernel = RNG.normal(size=(side, side, 4, 5)).astype(np.float32)
    maps = RNG.normal(size=(2, *sizes, 4)).astype(np.float32)
    want = tf.nn.conv2d(maps, kernel, 2, "SAME")
    kernels = tf.constant(np.broadcast_to(kernel, (2, 3, *kernel.shape)))
    mask = region_mask(RNG.normal(size=(2, 3, 4, 3)).astype(np.float32))
    made = region_conv(maps, kernels, mask[:, : want.shape[1], : want.shape[2]], 2)
    np.testing.assert_allclose(made, want, rtol=1e-4, atol=1e-5)
    layer = RegionAwareConv2D(5, side, regions=2, strides=2)
    assert layer(maps).shape == want.shape
    assert layer.compute_output_shape(maps.shape) == want.shape


def test_equal_kernels_are_one_convolution_whatever_the_mask():
    kernel = RNG.normal(size=(3, 3, 4, 5)).astype(np.float32)
    kernels = tf.constant(np.broadcast_to(kernel, (2, 3, 3, 3, 4, 5)))
    made = region_conv(MAPS, kernels, region_mask(GUIDE))
    want = tf.nn.conv2d(MAPS, kernel, 1, "SAME")
    np.testing.assert_allclose(made, want, rtol=1e-4, atol=1e-5)


def test_parameters():
    """m = 8, 32 channels to 16: guide 9 * 32 * 8 + 8, squeeze 32 * 64 + 64, and for
    each region 8 * 512 weights and 512 biases."""
    layer = RegionAwareConv2D(16)
    layer.build((None, None, None, 32))
    count = 9 * 32 * 8 + 8 + 32 * 64 + 64 + 8 * 8 * 512 + 8 * 512
    assert layer.count_params() == count


def test_kernels_against_numpy():
    """One bin is the mean of the map; squeezed numbers m n belong to region m."""
    layer = RegionAwareConv2D(3, 1, regions=2)
    layer.build(MAPS.shape)
    for variable in layer.variables:
        variable.assign(RNG.normal(size=variable.shape))
    kernel, bias = (w.numpy() for w in layer.squeeze.weights)
    squeezed = 1 / (1 + np.exp(-(MAPS.mean(axis=(1, 2)) @ kernel[0, 0] + bias)))
    made = layer.kernels(MAPS).numpy()
    for m in range(2):
        numbers = squeezed[:, 2 * m : 2 * m + 2] @ layer.kernel.numpy()[m]
        want = (numbers + layer.bias.numpy()[m]).reshape(2, 1, 1, 4, 3)
        np.testing.assert_allclose(made[:, m], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("side", "regions"), [(1, 2), (3, 8)])
def test_kernels_start_as_an_ordinary_one_s(side, regions):
    """By He: a deviation of sqrt(2 / (side^2 * 64)), and no two regions alike."""
    layer = RegionAwareConv2D(48, side, regions=regions, kernel_initializer="he_normal")
    maps = RNG.normal(size=(1, 6, 6, 64)).astype(np.float32)
    layer.build(maps.shape)
    made = layer.kernels(maps).numpy()[0]
    assert made.std() == pytest.approx((2 / (side**2 * 64)) ** 0.5, rel=0.2)
    flat = made.reshape(regions, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(regions)).max() < 0.2


def test_graph_of_unknown_size_and_gradients_of_every_variable():
    layer = RegionAwareConv2D(3, regions=2)
    want = check_graph(layer, tf.constant(MAPS))
    spec = [tf.TensorSpec([None, None, None, 4])]
    np.testing.assert_allclose(
        tf.function(layer, input_signature=spec)(MAPS), want, atol=1e-5
    )
    check_gradients(layer, MAPS)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(MAPS) ** 2)
    found = tape.gradient(total, [v.value for v in layer.trainable_variables])
    assert all(g is not None and np.isfinite(g).all() for g in found)


def test_one_region_is_one_kernel_an_image():
    layer = RegionAwareConv2D(3, regions=1)
    made, kernels = layer(MAPS), layer.kernels(MAPS)[:, 0]
    for b in range(2):
        want = tf.nn.conv2d(MAPS[b : b + 1], kernels[b], 1, "SAME")
        np.testing.assert_allclose(made[b], want[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"regions": 0}, "regions"),
        ({"kernel_size": 2}, "kernel_size"),
    ],
)
def test_mistakes(arguments, words):
    with pytest.raises(ValueError, match=words):
        RegionAwareConv2D(3, **arguments)
