"""Bottom-up pyramid: count, sums, values against NumPy, gradients, detectors."""

import neck_kit as kit
import numpy as np
import pytest
from numpy_maps import convolved, doubled, halved

from od_api.core.errors import ConfigError


def test_parameters_over_resnet_50():
    """1x1 of 256 (256 + 512 + 1024 + 2048) and four 3x3 of 256 * 256, with biases."""
    neck = kit.built("bottom_up_fpn {}", kit.RESNET)
    assert kit.trained(neck) == 3840 * 256 + 4 * 9 * 256**2 + 8 * 256 == 3_344_384
    assert neck.strides["P6"] == 64 and set(neck.channels.values()) == {256}
    assert list(neck.auxiliary.strides) == ["M2", "M3", "M4", "M5"]


def test_a_pyramid_of_ones():
    """Kernels that hand through: 1 + 1, 2 + 1 + 1, 4 + 1 + 1 and 6 + 1 (T51)."""
    neck = kit.built("bottom_up_fpn { depth: 1 max_level: 5 }")
    centre = np.zeros([3, 3, 1, 1])
    centre[1, 1] = 1
    for level in neck.levels:
        neck._lateral[level].kernel.assign(np.zeros(neck._lateral[level].kernel.shape))
        neck._lateral[level].bias.assign([1.0])
        neck._smooth[level].kernel.assign(centre)
    maps = neck(kit.features(40))
    assert [set(x.numpy().ravel()) for x in maps.values()] == [{2}, {4}, {6}, {7}]
    for conv in neck._smooth.values():
        conv.kernel.assign(0 * centre)
    assert all(not x.numpy().any() for x in neck(kit.features(40)).values())


def test_against_numpy():
    """What is below, halved, the lateral, and the one above, doubled."""
    neck = kit.with_random_weights(kit.built("bottom_up_fpn { depth: 3 }"))
    given = kit.features(40)
    own = kit.laterals(neck, given)
    expected, below = {}, 0.0
    for level, above in zip(own, [*list(own)[1:], None], strict=True):
        total = own[level] + below
        if above:
            total = total + doubled(own[above], own[level])
        expected[level] = convolved(total, neck._smooth[level])
        below = halved(expected[level])
    expected["P6"] = expected["P5"][::2, ::2]
    kit.check_maps(neck(given), expected)


def test_odd_sizes_and_gradients():
    kit.check_gradients(kit.built("bottom_up_fpn { min_level: 3 depth: 2 }"))


def test_in_ssd():
    kit.in_ssd("bottom_up_fpn { min_level: 3 depth: 8 }")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("min_level: 6", "min_level"),
        ("depth: 0", "depth"),
        ("conv_hyperparams { batch_norm {} }", "neither"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        kit.built(f"bottom_up_fpn {{ {text} }}")
