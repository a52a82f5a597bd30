"""Fusing-splitting pyramid: count, values, what levels have in common, gradients."""

import neck_kit as kit
import numpy as np
import pytest
from numpy_maps import convolved, doubled, halved

from od_api.core.errors import ConfigError


def test_parameters_over_resnet_50():
    """1x1 of 256 (256 + 512 + 1024 + 2048) and two 3x3 of 512 * 256, with biases."""
    neck = kit.built("fusing_splitting_fpn {}", kit.RESNET)
    assert kit.trained(neck) == 3840 * 256 + 2 * 9 * 512 * 256 + 6 * 256 == 3_343_872
    assert neck.levels == ("P2", "P3", "P4", "P5", "P6")


def test_a_pyramid_of_ones():
    """a = 1 + 1; a centre tap of 1/2 for each of two channels keeps 2 (T52)."""
    neck = kit.built("fusing_splitting_fpn { depth: 1 max_level: 5 }")
    for lateral in neck._lateral.values():
        lateral.kernel.assign(np.zeros(lateral.kernel.shape))
        lateral.bias.assign([1.0])
    for conv in neck._merge.values():
        centre = np.zeros([3, 3, 2, 1])
        centre[1, 1] = 0.5
        conv.kernel.assign(centre)
    maps = neck(kit.features(64))
    assert [set(x.numpy().ravel()) for x in maps.values()] == [{2}] * 4


def test_against_numpy():
    neck = kit.with_random_weights(kit.built("fusing_splitting_fpn { depth: 3 }"))
    given = kit.features(40)
    c2, c3, c4, c5 = kit.laterals(neck, given).values()
    small, large = c4 + doubled(c5, c4), halved(c2) + c3
    both = [np.concatenate([small, halved(large)], axis=-1)]
    both.append(np.concatenate([doubled(small, large), large], axis=-1))
    small = convolved(both[0], neck._merge["small"])
    large = convolved(both[1], neck._merge["large"])
    top = halved(small)
    expected = {"P2": doubled(large, c2), "P3": large, "P4": small, "P5": top}
    expected["P6"] = top[::2, ::2]
    made = neck(given)
    kit.check_maps(made, expected)
    p3 = made["P3"].numpy()[0]
    np.testing.assert_array_equal(made["P2"][0], doubled(p3, c2))


def test_odd_sizes_and_gradients():
    kit.check_gradients(kit.built("fusing_splitting_fpn { depth: 2 }"))


def test_in_faster_rcnn():
    kit.in_faster_rcnn("fusing_splitting_fpn { max_level: 5 depth: 8 }", (2, 5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_level: 4", "max_level"),
        ("depth: 0", "depth"),
        ("conv_hyperparams { activation: RELU }", "neither"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        kit.built(f"fusing_splitting_fpn {{ {text} }}")
