"""Atrous spatial pyramid pooling: counts, values against NumPy, gradients."""

import neck_kit as kit
import numpy as np
import pytest
from numpy_maps import convolved

from od_api.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 2 * 256**2 + 27 * 256**2 + 5 * 256**2 + 6 * 256),
        ("image_pooling: false", 28 * 256**2 + 4 * 256**2 + 5 * 256),
        ("depth: 8 dilations: 2", 11 * 256 * 8 + 3 * 64 + 4 * 8),
    ],
)
def test_parameters_of_256_channels(text, count):
    """A 1x1 convolution, 3x3 ones, the mean's, and what mixes them; with biases."""
    assert (
        kit.trained(kit.built(f'aspp {{ levels: "C2" {text} }}', kit.RESNET)) == count
    )


def test_against_numpy():
    """Dilations larger than the map read padding; the mean is the same in all cells."""
    text = 'aspp { levels: ["C3", "C4"] depth: 3 dilations: [2, 6] }'
    neck = kit.with_random_weights(kit.built(text))
    given, expected = kit.features(40), {}

    def block(chain, x, dilation=1):
        return np.maximum(convolved(x, chain.steps[0], dilation=dilation), 0)

    for level in ("C3", "C4"):
        x = given[level][0]
        branches = zip(neck._branches[level], (1, 2, 6), strict=True)
        parts = [block(chain, x, dilation) for chain, dilation in branches]
        mean = block(neck._mean[level], x.mean(axis=(0, 1), keepdims=True))
        parts.append(np.broadcast_to(mean, parts[0].shape))
        expected[level] = block(neck._mix[level], np.concatenate(parts, axis=-1))
    kit.check_maps(neck(given), expected)
    assert neck.strides == {"C3": 8, "C4": 16}


@pytest.mark.parametrize("pooling", ["true", "false"])
def test_odd_sizes_and_gradients(pooling):
    kit.check_gradients(kit.built(f"aspp {{ depth: 2 image_pooling: {pooling} }}"))


def test_in_ssd():
    kit.in_ssd('aspp { levels: ["C2", "C3", "C4", "C5"] depth: 8 }')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('levels: ["C4", "C4"]', "once"),
        ('levels: "C9"', "no C9"),
        ("depth: 0", "depth"),
        ("dilations: 0", "dilations"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        kit.built(f"aspp {{ {text} }}")
