"""Mask gating as a backbone: what is erased, gradients, detectors, mistakes."""

import types

import backbone_kit as kit
import numpy as np
import pytest

from od_api.backbones.objectness_gate import ObjectnessGate
from od_api.core.errors import ConfigError
from od_api.layers.mask_gate import nonzero_products

BELOW = "backbone { darknet { depth: 19 depth_multiplier: 0.03 } }"
LIGHT = "masks { fast_scnn { num_classes: 2 depth_multiplier: 0.1 } }"
TEXT = f"objectness_gate {{ {BELOW} {LIGHT} }}"
IMAGES = np.random.default_rng(0).normal(size=(1, 75, 75, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def backbone():
    return kit.in_ssd(TEXT)


def _says(backbone, background, foreground):
    """Makes the mask the same everywhere."""
    layer = backbone.masks.network.get_layer("classes")
    bias = np.float32([background, foreground])
    layer.set_weights([np.zeros_like(layer.get_weights()[0]), bias])


def test_masks_of_one_kind(backbone):
    """All foreground is the backbone alone, all background erases everything."""
    before = backbone.masks.network.get_layer("classes").get_weights()
    below = backbone.backbone(IMAGES)
    _says(backbone, -1.0, 1.0)
    for level, x in backbone(IMAGES).items():
        np.testing.assert_array_equal(x, below[level])
    _says(backbone, 1.0, -1.0)
    assert all(float(nonzero_products(x, 1, 3)) == 0 for x in backbone(IMAGES).values())
    backbone.masks.network.get_layer("classes").set_weights(before)


def test_maps_are_erased_where_the_logits_say(backbone):
    maps, below = backbone(IMAGES, auxiliary=True), backbone.backbone(IMAGES)
    logits = maps["mask_logits"].numpy()
    assert logits.shape == (1, 10, 10, 2)
    assert backbone.auxiliary.strides == {"mask_logits": 8}
    kept = (logits[..., 1] > logits[..., 0])[..., None]
    np.testing.assert_array_equal(maps["C3"], below["C3"] * kept)
    assert list(backbone(IMAGES)) == list(backbone.levels) == list(below)


def test_other_levels_stay():
    gate = kit.built(f'objectness_gate {{ {BELOW} {LIGHT} levels: "C5" }}')
    gate(IMAGES)
    _says(gate, 1.0, -1.0)
    maps, below = gate(IMAGES), gate.backbone(IMAGES)
    np.testing.assert_array_equal(maps["C4"], below["C4"])
    assert not maps["C5"].numpy().any()


def test_gradients_reach_the_masks(backbone):
    kit.check_gradients(backbone)
    kit.check_names(backbone)


def test_second_stage():
    cut = BELOW.replace("depth: 19", "depth: 19 second_stage: true")
    kit.check_faster_rcnn(f"objectness_gate {{ {cut} {LIGHT} }}")


def _source(levels, second_stage=None, branches=None):
    """What a gate is told of a network with these {level: channels}."""
    return types.SimpleNamespace(
        levels=tuple(levels),
        channels=levels,
        strides=dict.fromkeys(levels, 8),
        second_stage=second_stage,
        branches=branches,
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"backbone": None}, "is not set"),
        ({"levels": ["C9"]}, "no C9, but C3"),
        ({"mode": "hard"}, "surrogate, soft"),
        ({"beta": 0.0}, "beta is 0"),
        ({"masks": _source({"C3": 8})}, "no C3_classes, but C3; fast_scnn"),
        ({"masks": _source({"C3_classes": 3})}, "C3_classes has 3 channels"),
        ({"masks": _source({"C3_classes": 2}, second_stage=1)}, "second_stage"),
        ({"backbone": _source({"C3": 8}, branches=2)}, "branches"),
    ],
)
def test_mistakes(settings, says):
    backbone, masks = _source({"C3": 8}), _source({"C3_classes": 2})
    with pytest.raises((ConfigError, ValueError), match=says):
        ObjectnessGate(**{"backbone": backbone, "masks": masks, **settings})
