"""Region-aware stages of ResNeXt and ShuffleNet: layers, counts, files, detectors."""

import functools

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError
from od_api.layers.region_aware_conv import RegionAwareConv2D

RESNET = (
    "resnext { groups: 1 group_width: 64 depth_multiplier: 0.0625 min_depth: 4 %s }"
)
SHUFFLENET = "shufflenet_v2 { depth_multiplier: 0.25 %s }"
REGIONS = "region_aware { regions: 2 }"


# Weights are set in networks of a test's own.
built = functools.cache(kit.built)


def kernels(network):
    """Names of its layers."""
    return [x.name for x in network.layers if isinstance(x, RegionAwareConv2D)]


def more_than(channels, filters, side):
    """Numbers of a layer of two regions beyond those of a plain convolution.

    Guide 9 * channels * 2 + 2, squeeze channels * 4 + 4; of each region two numbers for
    one of a kernel, and a bias.
    """
    plain = side**2 * channels * filters
    own = 9 * channels * 2 + 2 + channels * 4 + 4
    return own + 2 * (2 + 1) * channels * filters - plain


def test_the_3x3_convolutions_of_a_resnet_s_stage():
    """C5, of 32 channels inside, three blocks."""
    made, plain = built(RESNET % REGIONS), built(RESNET % "")
    assert kernels(made.network) == [f"C5_block_{i}_middle" for i in range(3)]
    more = kit.trained(made) - kit.trained(plain)
    assert more == 3 * more_than(32, 32, 3)
    kit.check_gradients(made)
    kit.check_names(made)


def test_the_1x1_convolutions_of_a_shufflenet_s_stage():
    """C4: of its first unit also the one beside; 32 channels come in, 56 go on."""
    fields = 'region_aware { stages: "C4" regions: 2 }'
    made, plain = built(SHUFFLENET % fields), built(SHUFFLENET % "")
    found = kernels(made.network)
    assert len(found) == 2 * 8 + 1 and all(name.startswith("C4_") for name in found)
    inside, half = made.channels["C3"], made.channels["C4"] // 2
    more = 2 * more_than(inside, half, 1) + 15 * more_than(half, half, 1)
    assert kit.trained(made) - kit.trained(plain) == more
    kit.check_gradients(made)


def test_in_faster_rcnn():
    """Of the second stage, too."""
    fields = RESNET % f"second_stage: true {REGIONS}"
    made = kit.built(fields)
    assert not kernels(made.network) and len(kernels(made.second_stage)) == 3
    kit.check_faster_rcnn(fields)


def test_plain_weights_fit_all_other_layers(tmp_path):
    made, plain = kit.built(SHUFFLENET % REGIONS), built(SHUFFLENET % "")
    before = made.network.get_layer("C5_unit_1_first").get_weights()
    plain.network.save(tmp_path / "plain.h5")
    made.load_weights(tmp_path / "plain.h5")
    for name in ("C5_unit_1_middle", "C4_unit_1_first"):
        own, theirs = (x.network.get_layer(name).get_weights() for x in (made, plain))
        np.testing.assert_array_equal(own[0], theirs[0])
    after = made.network.get_layer("C5_unit_1_first").get_weights()
    np.testing.assert_array_equal(before[0], after[0])


@pytest.mark.parametrize(
    ("text", "fields", "words"),
    [
        (RESNET, 'stages: "C6"', "'C6' has no convolutions .* take C2, C3, C4, C5"),
        (SHUFFLENET, 'stages: "C2"', "'C2' has no convolutions .* take C3, C4, C5"),
        (RESNET, 'stages: ["C4", "C4"]', "name each once"),
        (RESNET, "regions: 65", "regions"),
        ("resnext { depth_multiplier: 0.25 %s }", "", "32 groups of channels"),
        (RESNET, "} conv_hyperparams { low_rank: 0.5", "of low rank"),
    ],
)
def test_mistakes(text, fields, words):
    with pytest.raises(ConfigError, match=words):
        kit.built(text % f"region_aware {{ {fields} }}")
