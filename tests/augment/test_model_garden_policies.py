"""Policies by name from tf-models-official, where it is installed."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from od_api.augment import _autoaugment_policies as policies
from od_api.augment import _model_garden_policies as model_garden
from od_api.augment.autoaugment_image import AutoAugmentImage

INSTALLED = importlib.util.find_spec("official") is not None


@pytest.fixture
def library(monkeypatch):
    """A stand-in with one policy, called as the library is."""

    class AutoAugment:
        def __init__(self, augmentation_name):
            if augmentation_name != "mine":
                raise ValueError(f"Invalid augmentation_name: {augmentation_name}")
            self.policies = [[("Invert", 1.0, 3), ("Rotate", 0.0, 9)]]

    augment = types.ModuleType("official.vision.ops.augment")
    augment.AutoAugment = AutoAugment
    ops = types.ModuleType("official.vision.ops")
    ops.augment = augment
    for name in ("official", "official.vision"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "official.vision.ops", ops)
    monkeypatch.setitem(sys.modules, "official.vision.ops.augment", augment)


def test_what_moves_an_image_moves_its_boxes(library):
    assert model_garden.policy("model_garden/mine") == [
        [("Invert", 1.0, 3), ("Rotate_BBox", 0.0, 9)]
    ]


def test_a_policy_by_name_is_applied(library):
    sample = {
        "image": tf.constant([[[0.0, 100.0, 255.0]]]),
        "groundtruth_boxes": tf.constant([[0.0, 0.0, 1.0, 1.0]]),
    }
    changed = AutoAugmentImage(policy_name="model_garden/mine")(sample, [1, 2])
    np.testing.assert_array_equal(changed["image"], [[[255, 155, 0]]])
    np.testing.assert_array_equal(changed["groundtruth_boxes"], [[0, 0, 1, 1]])


def test_a_name_that_the_library_does_not_know(library):
    with pytest.raises(ValueError, match=r"model_garden/ours.* Invalid augmentation"):
        AutoAugmentImage(policy_name="model_garden/ours")


def test_the_library_itself():
    """What it has where it is installed, and how to get it where it is not."""
    if INSTALLED:
        assert [tuple(s) for s in model_garden.policy("model_garden/detection_v0")] == [
            *policies.POLICIES["v0"]
        ]
        AutoAugmentImage(policy_name="model_garden/reduced_imagenet")
    else:
        with pytest.raises(ValueError, match=r"pip install 'od-api\[model-garden\]'"):
            AutoAugmentImage(policy_name="model_garden/detection_v0")
