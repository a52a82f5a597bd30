"""Mixture of pyramids: counts, one branch alone, ways of mixing, gradients."""

import neck_kit as kit
import numpy as np
import pytest
import tensorflow as tf
from numpy_maps import convolved

from od_api.core.errors import ConfigError

LATERALS = 3840 * 256 + 4 * 256
SMOOTHING = 4 * (9 * 256**2 + 256)
MERGING = 2 * (9 * 512 * 256 + 256)


@pytest.mark.parametrize(("shared", "times"), [("true", 1), ("false", 3)])
def test_parameters_over_resnet_50(shared, times):
    """Of the three, and a last 3x3 convolution a level: 10,424,832 and 12,392,960."""
    neck = kit.built(f"mixed_fpn {{ shared_laterals: {shared} }}", kit.RESNET)
    assert kit.trained(neck) == times * LATERALS + 3 * SMOOTHING + MERGING
    assert len({v.path for v in neck.variables}) == len(neck.variables)


def _zero(layers):
    for layer in layers:
        for variable in layer.variables:
            variable.assign(tf.zeros_like(variable))


@pytest.mark.parametrize("kind", ["top_down", "bottom_up", "fusing_splitting"])
def test_with_two_branches_zeroed_the_sum_is_the_third(kind):
    """The one pyramid, of the same weights, before the last kernels."""
    neck = kit.with_random_weights(kit.built("mixed_fpn { depth: 3 max_level: 5 }"))
    parts = {
        "top_down": neck._top_down,
        "bottom_up": neck._bottom_up,
        "fusing_splitting": neck._merge,
    }
    for other in set(parts) - {kind}:
        _zero(parts[other].values())
    alone = kit.built(f"{kind}_fpn {{ depth: 3 max_level: 5 }}")
    kept = alone._merge if kind == "fusing_splitting" else alone._smooth
    for mine, given in ((alone._lateral, neck._lateral), (kept, parts[kind])):
        for key, layer in mine.items():
            layer.set_weights(given[key].get_weights())
    given = kit.features(40)
    expected = {
        level: convolved(x.numpy()[0], neck._smooth[level])
        for level, x in alone(given).items()
    }
    kit.check_maps(neck(given), expected)


def test_ways_of_mixing():
    """Of 1 in the first, 4 in the second and 0 in the third: 5, 5 / 3 and 4."""
    for mixing, value in (("sum", 5), ("mean", 5 / 3), ("max", 4)):
        neck = kit.built(f'mixed_fpn {{ depth: 1 max_level: 5 mixing: "{mixing}" }}')
        _zero([neck])
        for convs, bias in ((neck._top_down, 1), (neck._bottom_up, 4)):
            for conv in convs.values():
                conv.bias.assign([float(bias)])
        for conv in neck._smooth.values():
            conv.kernel.assign(np.eye(9)[4].reshape(3, 3, 1, 1))
        np.testing.assert_allclose(neck(kit.features(40))["P3"], value)


@pytest.mark.parametrize("shared", ["true", "false"])
def test_odd_sizes_and_gradients(shared):
    kit.check_gradients(
        kit.built(f"mixed_fpn {{ depth: 2 shared_laterals: {shared} }}")
    )


def test_in_ssd():
    kit.in_ssd("mixed_fpn { max_level: 5 depth: 8 }")


@pytest.mark.parametrize(
    ("text", "words"), [("max_level: 4", "max_level"), ('mixing: "product"', "sum")]
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        kit.built(f"mixed_fpn {{ {text} }}")
