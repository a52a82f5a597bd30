"""Losses against the old API's with all weights 1, before any sum over anchors.

The old API's losses came in several shapes; ours are one number a class for
classification and one an anchor for localisation.
"""

import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build_field
from od_api.protos import losses_pb2

CASES = golden_store.load("losses")
LOCALIZATION = ("l2", "smooth_l1", "smooth_l1_delta", "iou", "l1", "giou")


def both(name):
    """(our value, the old one)."""
    case = CASES[name]
    slot = "localization_loss" if name in LOCALIZATION else "classification_loss"
    config = text_format.Parse(case["config"], losses_pb2.Loss())
    prediction, target = (CASES["input"][field] for field in case["inputs"])
    return build_field(config, slot)(prediction, target).numpy(), case["loss"]


PER_CLASS = ("sigmoid", "bootstrapped_soft", "bootstrapped_hard", "focal")
PER_CLASS += ("focal_no_alpha",)
SUMMED_OVER_CLASSES = ("softmax", "softmax_scaled", "logits_softmax")
SAME_SHAPE = (*PER_CLASS, "l2", "smooth_l1", "smooth_l1_delta", "giou", "iou")


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_values_are_the_old_ones(name):
    """`iou` came out of the old API with images and anchors in one axis."""
    ours, old = both(name)
    np.testing.assert_allclose(ours, old.reshape(ours.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SUMMED_OVER_CLASSES)
def test_sums_over_classes_are_the_old_values(name):
    ours, old = both(name)
    np.testing.assert_allclose(ours.sum(axis=-1), old, rtol=1e-5, atol=1e-6)


def test_l1_is_the_sum_over_the_code_of_the_old_values():
    ours, old = both("l1")
    np.testing.assert_allclose(ours, old.sum(axis=-1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["dice", "dice_squared"])
def test_sums_over_positions_are_the_old_dice(name):
    """The old loss was one number a class; ours shares it out among the positions."""
    ours, old = both(name)
    np.testing.assert_allclose(ours.sum(axis=1), old, rtol=1e-5, atol=1e-6)


def test_heatmap_loss_is_the_old_one_clipped_answers_included():
    """The old probability was clipped to 1e-4..1 - 1e-4; logits of 60 are beyond it."""
    ours, old = both("penalty_reduced")
    np.testing.assert_allclose(ours, old, rtol=1e-4, atol=1e-6)
