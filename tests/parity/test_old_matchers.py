"""The argmax matcher and the targets made of its matches, against the old API's."""

import golden_store
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import boxes as box_ops
from od_api.core.registry import build
from od_api.core.types import Targets
from od_api.protos import box_coder_pb2, matcher_pb2

CASES = golden_store.load("matchers")
GIVEN = CASES["input"]
FIELDS = ("boxes", "weights", "classes")
TARGETS = golden_store.load("target_assigner")["ssd"]


def matcher(text, similarity):
    config = text_format.Parse(text, matcher_pb2.Matcher())
    return build(config, similarity=similarity)


def old_marks(assignment):
    """Ours -> the old marks: ground-truth index, -1 negative, -2 ignored."""
    label = assignment.label.numpy()
    return np.where(label == 1, assignment.gt_index.numpy(), label - 1)


def targets(boxes, weights, classes=None):
    """Targets of one image each, padded to the longest."""
    count = max(map(len, boxes))
    padded = np.zeros((len(boxes), count, 4), np.float32)
    weight = np.zeros((len(boxes), count), np.float32)
    kinds = np.zeros((len(boxes), count), np.int32)
    valid = np.zeros((len(boxes), count), bool)
    for i, box in enumerate(boxes):
        padded[i, : len(box)], weight[i, : len(box)] = box, weights[i]
        valid[i, : len(box)] = True
        if classes is not None:
            kinds[i, : len(box)] = classes[i]
    fields = (padded, kinds, weight, valid, np.full((len(boxes), 2), 100, np.int32))
    boxes, kinds, weight, valid, shapes = map(tf.constant, fields)
    return Targets(boxes, kinds, weight, valid, shapes)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"input"}))
def test_matches_are_the_old_ones(name):
    """The similarity is given, so that ties and equality with thresholds are tested."""
    similarity = GIVEN["similarity"]
    part = matcher(CASES[name]["config"], lambda *_: tf.constant(similarity)[None])
    truth = targets([np.ones((7, 4))], [GIVEN["valid_rows"].astype(np.float32)])
    found = part.assign(tf.zeros([similarity.shape[1], 4]), truth)
    np.testing.assert_array_equal(old_marks(found)[0], CASES[name]["match"])


@pytest.mark.parametrize("name", sorted(set(CASES) - {"input"}))
def test_without_ground_truth_all_is_negative_as_of_old(name):
    part = matcher(
        CASES[name]["config"], lambda boxes, _: tf.zeros([1, boxes.shape[1], 5])
    )
    found = part.assign(tf.zeros([5, 4]), targets([np.zeros((0, 4))], [[]]))
    np.testing.assert_array_equal(old_marks(found)[0], CASES[name]["match_of_nothing"])


def test_targets_of_a_batch_are_the_old_ones():
    """Classes, codes and weights that the old target assigner derived from a match.

    Image 0 has a ground-truth box of weight 0.5, which its anchors inherit, and one of
    weight 0, which is not matched by force; in image 1 two of four rows are padding.
    """
    case = TARGETS
    truth = targets(*[[case[f"{n}_{i}"] for i in (0, 1)] for n in FIELDS])
    part = matcher(
        case["matcher_config"], lambda a, b: box_ops.pairwise(box_ops.iou, a, b)
    )
    found = part.assign(tf.constant(case["anchors"]), truth)
    marks = old_marks(found)
    np.testing.assert_array_equal(marks, case["match"])
    positive = (marks >= 0).astype(np.float32)
    weight = tf.gather(truth.weights, found.gt_index, batch_dims=1).numpy()
    np.testing.assert_allclose(weight * positive, case["reg_weights"])
    np.testing.assert_allclose(
        np.where(marks >= 0, weight, marks == -1), case["cls_weights"][..., 0]
    )
    classes = tf.gather(truth.classes, found.gt_index, batch_dims=1).numpy() + 1
    one_hot = np.eye(4, dtype=np.float32)[np.where(marks >= 0, classes, 0)]
    np.testing.assert_array_equal(one_hot, case["cls_targets"])
    coder = text_format.Parse(case["box_coder_config"], box_coder_pb2.BoxCoder())
    boxes = tf.gather(truth.boxes, found.gt_index, batch_dims=1)
    codes = build(coder).encode(boxes, case["anchors"]).numpy() * positive[..., None]
    np.testing.assert_allclose(codes, case["reg_targets"], rtol=1e-5, atol=1e-4)
