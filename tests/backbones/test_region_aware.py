"""Region-aware stages of a ResNet: layers, counts, gradients, files, a detector."""

import functools

import backbone_kit as kit
import numpy as np
import pytest

from od_api.backbones import resnet
from od_api.core.errors import ConfigError
from od_api.layers.region_aware_conv import RegionAwareConv2D

NARROW = "depth_multiplier: 0.0625 min_depth: 4"
# Networks are rebuilt from Keras' one: one is enough.
keras_resnet = functools.cache(resnet._keras_model)


@pytest.fixture(autouse=True)
def _one_network(monkeypatch):
    monkeypatch.setattr(resnet, "_keras_model", keras_resnet)


def text(fields="region_aware { regions: 2 }"):
    return f"resnet {{ {NARROW} {fields} }}"


def kernels(network):
    """{name: regions} of its layers."""
    layers = [x for x in network.layers if isinstance(x, RegionAwareConv2D)]
    return {x.name: x.regions for x in layers}


def test_the_3x3_convolutions_of_its_stages():
    """conv5: 32 channels: guide 9 * 32 * 2 + 2, squeeze 32 * 4 + 4, two products of two
    numbers to 32 * 32 each, with biases; plain ones have 9 * 32 * 32 weights and 32."""
    made, plain = kit.built(text()), kit.built(text(""))
    names = [f"conv5_block{i}_2_conv" for i in (1, 2, 3)]
    assert kernels(made.network) == dict.fromkeys(names, 2)
    own = 9 * 32 * 2 + 2 + 32 * 4 + 4 + 2 * 2 * 32**2 + 2 * 32**2
    more = kit.trained(made) - kit.trained(plain)
    assert more == 3 * (own - 9 * 32**2 - 32)
    kit.check_gradients(made)
    kit.check_names(made)


def test_in_faster_rcnn():
    """Of the second stage, too."""
    fields = text("second_stage: true region_aware { regions: 2 }")
    made = kit.built(fields)
    assert not kernels(made.network) and len(kernels(made.second_stage)) == 3
    kit.check_faster_rcnn(fields)


def test_plain_weights_fit_all_other_layers(tmp_path):
    made, plain = kit.built(text()), kit.built(text(""))
    before = made.network.get_layer("conv5_block1_2_conv").get_weights()
    plain.network.save(tmp_path / "plain.h5")
    made.load_weights(tmp_path / "plain.h5")
    for name in ("conv5_block1_1_conv", "conv2_block1_2_conv"):
        own, theirs = (x.network.get_layer(name).get_weights() for x in (made, plain))
        np.testing.assert_array_equal(own[0], theirs[0])
    after = made.network.get_layer("conv5_block1_2_conv").get_weights()
    np.testing.assert_array_equal(before[0], after[0])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ('region_aware { stages: "C6" }', "none of C2"),
        ('region_aware { stages: ["C4", "C4"] }', "twice"),
        ("region_aware { regions: 65 }", "regions"),
        ("region_aware {} output_stride: 16", "is dilated"),
        ('region_aware {} deformable_stages: "C5"', "are deformable"),
        ("region_aware {} conv_hyperparams { low_rank: 0.5 }", "of low rank"),
    ],
)
def test_mistakes(fields, words):
    with pytest.raises(ConfigError, match=words):
        kit.built(text(fields))
