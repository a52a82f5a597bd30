"""Equation 1 of Huang et al. (CVPR 2017), by hand."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core.types import Assignment, Targets, as_priors
from od_api.losses.weighted_giou import WeightedGIOULocalizationLoss
from od_api.losses.weighted_sigmoid import WeightedSigmoidClassificationLoss
from od_api.losses.weighted_smooth_l1 import WeightedSmoothL1LocalizationLoss
from od_api.losses.weighted_softmax import WeightedSoftmaxClassificationLoss
from od_api.objectives.multi_task_loss import MultiTaskLoss

ANCHORS = tf.constant([[0.0, 0, 10, 10], [0, 0, 20, 20], [5, 5, 15, 15], [0, 0, 8, 8]])
# Anchor 0 answers for box 1, of class 2; 1 is negative, 2 ignored, 3 for box 0.
ASSIGNMENT = Assignment(
    gt_index=tf.constant([[1, 0, 0, 0]]),
    label=tf.constant([[1, 0, -1, 1]]),
    quality=tf.constant([[0.8, 0.1, 0.4, 0.6]]),
)
TARGETS = Targets(
    boxes=tf.constant([[[0.0, 0, 8, 8], [0.0, 0, 10, 20]]]),
    classes=tf.constant([[0, 2]]),
    weights=tf.constant([[0.5, 1.0]]),
    valid=tf.constant([[True, True]]),
    true_shapes=tf.constant([[32, 32]]),
)


def loss(**changes):
    settings = {
        "num_classes": 3,
        "box_coder": FasterRcnnBoxCoder(),
        "classification_loss": WeightedSoftmaxClassificationLoss(),
        "localization_loss": WeightedSmoothL1LocalizationLoss(),
    }
    return MultiTaskLoss(**{**settings, **changes})


def of_zeros(part, classes=4, assignment=ASSIGNMENT):
    logits, codes = tf.zeros([1, 4, classes]), tf.zeros([1, 4, 4])
    return part(logits, codes, as_priors(ANCHORS), assignment, TARGETS)


def test_by_hand():
    """Logits of 0 cost log 4 by softmax of four: times 1, 1, 0 and the weight 1/2.

    Anchor 0, 10 x 10 at (5, 5), has the target 10 x 20 at (5, 10): the code is
    (0, 10 * 5 / 10, 0, 5 log 2) = (0, 5, 0, 3.4657), smooth L1 4.5 + 2.9657. Anchor 3
    equals its target.
    """
    found = of_zeros(loss())
    four = np.log(4)
    np.testing.assert_allclose(
        found.classification, [[four, four, 0, four / 2]], rtol=1e-5
    )
    want = [[4.5 + 5 * np.log(2) - 0.5, 0, 0, 0]]
    np.testing.assert_allclose(found.localization, want, atol=1e-4)
    np.testing.assert_array_equal(found.positive, [[1, 0, 0, 0.5]])


def test_background_as_zeros_and_without_a_column():
    """Sigmoids of 0 cost log 2 each, whatever the target: four columns, or three."""
    sigmoid = {"classification_loss": WeightedSigmoidClassificationLoss()}
    for classes, options in (
        (4, {"encode_background_as_zeros": True}),
        (3, {"add_background_class": False}),
    ):
        found = of_zeros(loss(**sigmoid, **options), classes)
        want = np.log(2) * classes * np.float32([[1, 1, 0, 0.5]])
        np.testing.assert_allclose(found.classification, want, rtol=1e-5)


@pytest.mark.parametrize("encode_as_zeros", [True, False])
def test_targets_of_classes(encode_as_zeros):
    """What the classification loss is given, row by row."""
    seen = []

    def remember(logits, targets):
        seen.append(targets.numpy())
        return tf.zeros_like(logits)

    part = loss(
        classification_loss=remember, encode_background_as_zeros=encode_as_zeros
    )
    of_zeros(part)
    background = [0, 0, 0, 0] if encode_as_zeros else [1, 0, 0, 0]
    np.testing.assert_array_equal(
        seen[0][0], [[0, 0, 0, 1], background, background, [0, 1, 0, 0]]
    )


def test_negative_class_weight_is_a_factor_of_negatives_alone():
    plain = of_zeros(loss()).classification
    weighted = of_zeros(loss(negative_class_weight=0.25)).classification
    np.testing.assert_allclose(weighted / plain, [[1, 0.25, np.nan, 1]])


def test_weight_of_the_assignment_is_a_factor_of_everything():
    weight = tf.constant([[2.0, 3.0, 5.0, 0.0]])
    plain, weighted = (
        of_zeros(loss(), assignment=a)
        for a in (ASSIGNMENT, ASSIGNMENT._replace(weight=weight))
    )
    for one, other in zip(plain, weighted, strict=True):
        np.testing.assert_allclose(other, one * weight)


def test_loss_on_boxes_gets_decoded_ones():
    """Codes of 0 are the anchor: GIoU of 10 x 10 in 10 x 20 is 1/2, of equals 1."""
    found = of_zeros(loss(localization_loss=WeightedGIOULocalizationLoss()))
    np.testing.assert_allclose(found.localization, [[0.5, 0, 0, 0]], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "want"),
    [
        ({"add_background_class": False},
         [[0.2, 0, 1], [0, 0, 0], [0, 0, 0], [1, 0.5, 0]]),
        ({}, [[0, 0.2, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0.5, 0]]),
        ({"encode_background_as_zeros": True},
         [[0, 0.2, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0.5, 0]]),
    ],
)  # fmt: skip
def test_what_boxes_are_to_be_called(settings, want):
    """Anchor 0 answers for box 1, 3 for box 0; scores come in place of one 1."""
    seen = []

    def recording(logits, targets):
        seen.append(targets)
        return tf.zeros_like(logits)

    scores = tf.constant([[[1.0, 0.5, 0.0], [0.2, 0.0, 1.0]]])
    part = loss(classification_loss=recording, **settings)
    logits, codes = tf.zeros([1, 4, len(want[0])]), tf.zeros([1, 4, 4])
    targets = TARGETS._replace(class_scores=scores)
    part(logits, codes, as_priors(ANCHORS), ASSIGNMENT, targets)
    np.testing.assert_allclose(seen[0][0], want)
    # Of one class each, they are the classes themselves.
    same = TARGETS._replace(class_scores=tf.one_hot(TARGETS.classes, 3))
    for one in (TARGETS, same):
        part(logits, codes, as_priors(ANCHORS), ASSIGNMENT, one)
    np.testing.assert_array_equal(seen[1], seen[2])
