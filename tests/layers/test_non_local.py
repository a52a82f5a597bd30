"""Non-local block: count, identity at the start, values against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_gradients, check_graph

from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.non_local import NonLocal

MAPS = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)


def test_parameters_and_identity_at_the_start():
    """Of 256 channels four 1x1 convolutions: 4 * (256 * 256 + 256)."""
    layer = NonLocal(ConvHyperparams())
    layer.build((None, None, None, 256))
    assert layer.count_params() == 263_168
    start = NonLocal(ConvHyperparams(), reduction=2)
    np.testing.assert_array_equal(start(MAPS), MAPS)
    assert start.theta.filters == 2


@pytest.mark.parametrize("reduction", [1, 2])
def test_against_numpy(reduction):
    """x + W_y softmax(theta phi') g over the 15 cells of each image."""
    layer = NonLocal(ConvHyperparams(), reduction=reduction)
    layer.build(MAPS.shape)
    rng = np.random.default_rng(1)
    for variable in layer.variables:
        variable.assign(rng.normal(size=variable.shape))
    names = ("theta", "phi", "g", "out")
    pairs = {n: [w.numpy() for w in getattr(layer, n).weights] for n in names}
    made = layer(MAPS).numpy()
    for image, got in zip(MAPS, made, strict=True):
        cells = image.reshape(15, 4)
        theta, phi, g = (cells @ pairs[n][0][0, 0] + pairs[n][1] for n in names[:3])
        alike = np.exp(theta @ phi.T)
        mean = alike / alike.sum(axis=1, keepdims=True) @ g
        want = cells + mean @ pairs["out"][0][0, 0] + pairs["out"][1]
        np.testing.assert_allclose(got.reshape(15, 4), want, rtol=1e-3, atol=1e-4)


def test_graph_and_gradients():
    layer = NonLocal(ConvHyperparams())
    layer.build(MAPS.shape)
    layer.out.kernel.assign(tf.ones_like(layer.out.kernel))
    check_graph(layer, tf.constant(MAPS))
    check_gradients(layer, MAPS)
