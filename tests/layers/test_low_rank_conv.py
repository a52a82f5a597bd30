"""Convolutions as two of lower rank."""

import keras
import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.backbones.vgg16 import Vgg16
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.layers import keras_weights
from od_api.layers.low_rank_conv import (
    LowRankConv2D,
    factorised,
    full_rank,
    with_factors,
)
from od_api.protos import hyperparams_pb2

RNG = np.random.default_rng(3)
KERNEL = RNG.normal(size=(3, 5, 4, 6)).astype(np.float32)


def product(vertical, horizontal):
    """[k, 1, C, r], [1, k', r, C'] -> [k, k', C, C'], by the sum over the rank."""
    return np.einsum("ycr,xrd->yxcd", vertical[:, 0], horizontal[0])


def test_full_rank_is_the_kernel():
    """3 rows of 4 channels against 5 columns of 6: rank 12."""
    assert full_rank(KERNEL.shape) == 12
    np.testing.assert_allclose(product(*factorised(KERNEL, 12)), KERNEL, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 5, 11])
def test_what_a_lower_rank_loses(rank):
    """The squares of the singular values that are cut off (Eckart and Young)."""
    matrix = KERNEL.transpose(0, 2, 1, 3).reshape(12, 30)
    values = np.linalg.eigvalsh(matrix @ matrix.T)[::-1]
    lost = np.sum((product(*factorised(KERNEL, rank)) - KERNEL) ** 2)
    np.testing.assert_allclose(lost, values[rank:].sum(), rtol=1e-4)


def test_a_kernel_of_rank_1_needs_no_more():
    """y (1, 2, 1) times x (1, 0, -1): Sobel's."""
    sobel = np.float32(np.outer([1, 2, 1], [1, 0, -1]))[:, :, None, None]
    vertical, horizontal = factorised(sobel, 1)
    np.testing.assert_allclose(product(vertical, horizontal), sobel, atol=1e-6)
    np.testing.assert_allclose(vertical[2], vertical[0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2},
        {"dilation_rate": 2},
        {"padding": "valid"},
        {"strides": (2, 1), "activation": "relu", "use_bias": False},
    ],
)
def test_full_rank_is_the_convolution(options):
    images = RNG.normal(size=(2, 11, 14, 4)).astype(np.float32)
    given = {"padding": "same", **options}
    full = keras.layers.Conv2D(6, (3, 5), **given)
    want = full(images)
    layer = LowRankConv2D(6, (3, 5), share=1.0, **given)
    layer.build(images.shape)
    assert layer.compute_output_shape(images.shape) == want.shape
    for mine, theirs in zip(layer.published_weights, full.weights, strict=True):
        assert tuple(mine.shape) == tuple(theirs.shape)
        mine.assign(theirs)
    np.testing.assert_allclose(kit.check_graph(layer, images), want, atol=1e-4)


def test_parameters_and_a_kernel_of_zeros_learns():
    """Rank 12 / 4 = 3: 3 * 4 * 3 + 5 * 3 * 6 and 6 of the bias, of 366."""
    layer = LowRankConv2D(6, (3, 5), share=0.25, kernel_initializer="zeros")
    images = RNG.normal(size=(1, 6, 6, 4)).astype(np.float32)
    with tf.GradientTape() as tape:
        out = layer(images)
        loss = tf.reduce_sum((out - 1) ** 2)
    assert layer.count_params() == 36 + 90 + 6
    np.testing.assert_array_equal(out, np.zeros(out.shape))
    gradients = tape.gradient(loss, [v.value for v in layer.trainable_weights])
    assert any(np.any(g) for g in gradients)


def test_a_checkpoint_of_full_kernels_is_factorised():
    values = {
        "neck/a/kernel": KERNEL,
        "neck/a/bias": np.ones(6, np.float32),
        "neck/b/kernel": KERNEL,
    }
    wanted = {
        "neck/a/vertical/kernel": np.zeros([3, 1, 4, 2]),
        "neck/a/horizontal/kernel": np.zeros([1, 5, 2, 6]),
        "neck/a/horizontal/bias": np.zeros(6),
        # Of another depth: left to the message about shapes.
        "neck/b/vertical/kernel": np.zeros([3, 1, 8, 2]),
        "neck/b/horizontal/kernel": np.zeros([1, 5, 2, 6]),
    }
    found = with_factors(values, wanted)
    assert set(found) == {*list(wanted)[:3], "neck/b/kernel"}
    got = product(*(found[name] for name in list(wanted)[:2]))
    np.testing.assert_allclose(got, product(*factorised(KERNEL, 2)), atol=1e-6)
    np.testing.assert_array_equal(found["neck/a/horizontal/bias"], np.ones(6))
    assert with_factors(found, wanted) == found


def test_a_backbone_with_published_weights():
    """VGG-16 of an eighth, all of its kernels but fc7's; at full rank the same maps."""
    options = {"depth_multiplier": 0.125, "fc_as_convolutions": True}
    settings = [
        build(hyperparams_pb2.Hyperparams(low_rank=share)) for share in (0.0, 1.0, 0.25)
    ]
    full, same, lower = (Vgg16(conv_hyperparams=s, **options) for s in settings)
    for other in (same, lower):
        keras_weights.copy_weights(other.network, full.network)
    counts = [part.network.count_params() for part in (lower, full)]
    assert counts[0] < 0.5 * counts[1]
    image = RNG.uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    kit.assert_same(same(image), full(image), tolerance=1e-4)


def test_settings_of_heads_and_necks():
    make = build(hyperparams_pb2.Hyperparams(low_rank=0.5))
    assert isinstance(make.conv2d(8, 3, name="a"), LowRankConv2D)
    assert isinstance(make.conv2d(8, 1, name="b"), keras.layers.Conv2D)
    block = make.conv_block(8, 3, name="c", strides=2, use_explicit_padding=True)
    assert block(np.zeros([1, 10, 10, 4], np.float32)).shape == (1, 5, 5, 8)
    with pytest.raises(ConfigError, match="low_rank: is"):
        build(hyperparams_pb2.Hyperparams(low_rank=1.5))
