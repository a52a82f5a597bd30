"""Receptive-field blocks: counts, dilations, values against NumPy, scale 0."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_gradients, check_graph
from numpy_maps import convolved

from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.receptive_field_block import ReceptiveFieldBlock

NORMED = ConvHyperparams(normalizer="batch_norm")
MAPS = np.random.default_rng(0).normal(size=(2, 9, 7, 16)).astype(np.float32)


def block(depth=16, make=None, filters=5, **settings):
    made = ReceptiveFieldBlock(
        make or ConvHyperparams(), filters, name="block", **settings
    )
    made.build((None, None, None, depth))
    return made


def test_parameters_of_1024_channels():
    """i = 128. Kernels 1024 * 256 + 9 * 256^2; 1024 * 128 + 9 (128 * 256 + 256^2); 1024
    * 128 + 9 (128 * 192 + 192 * 256 + 256^2); 768 * 1024 and 1024^2 behind. Channels
    of batch norm, two numbers each: 512, 640, 128 + 192 + 512, and 2 * 1024."""
    made = block(1024, NORMED, filters=1024)
    kernels = 1024 * 256 + 9 * 256**2
    kernels += 1024 * 128 + 9 * (128 * 256 + 256**2)
    kernels += 1024 * 128 + 9 * (128 * 192 + 192 * 256 + 256**2)
    kernels += 768 * 1024 + 1024**2
    channels = 512 + 640 + 832 + 2048
    assert kernels == 5_087_232 and made.join.steps[0].kernel.shape[2] == 768
    assert sum(np.prod(v.shape) for v in made.trainable_variables) == (
        kernels + 2 * channels
    )


def test_parameters_of_a_small_one():
    """512 channels: i = 128, a half of it 64 and 96 between: four branches of 128."""
    made = block(512, NORMED, filters=512, small=True)
    kernels = 3 * 512 * 128 + 512 * 64 + 2 * 3 * 128**2 + 4 * 9 * 128**2
    kernels += 3 * 64 * 96 + 3 * 96 * 128 + 2 * 512**2
    channels = 3 * 128 + 64 + 2 * 128 + 96 + 128 + 4 * 128 + 2 * 512
    assert sum(np.prod(v.shape) for v in made.trainable_variables) == (
        kernels + 2 * channels
    )


@pytest.mark.parametrize(
    ("settings", "dilations"),
    [
        ({}, [1, 2, 3]),
        ({"visual": 2}, [2, 3, 5]),
        ({"small": True}, [1, 3, 3, 5]),
    ],
)
def test_dilations(settings, dilations):
    convs = [b.steps[-1].steps[0] for b in block(**settings).branches]
    assert [c.dilation_rate[0] for c in convs] == dilations


@pytest.mark.parametrize(
    "settings", [{"strides": 2, "visual": 2}, {"scale": 1.0}, {"small": True}]
)
def test_against_numpy(settings):
    """relu(scale * 1x1(branches side by side) + 1x1(x)), biases and no normaliser."""
    made = block(**settings)
    rng = np.random.default_rng(1)
    for variable in made.variables:
        variable.assign(rng.normal(0, 0.3, variable.shape))

    def run(chain, x):
        conv = chain.steps[0]
        x = convolved(x, conv, conv.strides[0], conv.dilation_rate[0])
        return np.maximum(x, 0) if len(chain.steps) == 2 else x

    parts = []
    for branch in made.branches:
        x = MAPS[0]
        for chain in branch.steps:
            x = run(chain, x)
        parts.append(x)
    joined = run(made.join, np.concatenate(parts, axis=-1))
    want = settings.get("scale", 0.1) * joined + run(made.shortcut, MAPS[0])
    np.testing.assert_allclose(made(MAPS)[0], np.maximum(want, 0), rtol=1e-3, atol=1e-4)


def test_scale_0_leaves_the_shortcut():
    made = block(scale=0.0, strides=2)
    assert made.compute_output_shape((2, 9, None, 16)) == (2, 5, None, 5)
    want = tf.nn.relu(made.shortcut(MAPS))
    np.testing.assert_array_equal(made(MAPS), want)


def test_graph_and_gradients():
    made = block(2, strides=2)
    check_graph(made, tf.constant(MAPS[..., :2]))
    check_gradients(made, MAPS[..., :2])


@pytest.mark.parametrize("settings", [{"scale": -1}, {"visual": 0}])
def test_mistakes(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        block(**settings)
