"""Detections of classes that nobody looked for."""

import numpy as np
import pytest
from scenes import CATS_AND_DOGS, found, truth

from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.unlabelled_classes import of_labelled_classes
from od_api.protos import eval_pb2

BOX, OTHER = [0, 0, 10, 10], [20, 20, 40, 40]
FOUND = {
    "boxes": np.arange(12).reshape(3, 4),
    "classes": np.array([0, 1, 2]),
    "masks": ["a", "b", "c"],
}


@pytest.mark.parametrize(
    ("verified", "boxes", "all_where_none", "kept"),
    [
        ([1], [], True, [1]),
        ([1], [2], True, [1, 2]),
        ([], [], True, []),
        (None, [0], True, [0, 1, 2]),
        (None, [0], False, [0]),
    ],
)
def test_verified_classes_and_those_of_boxes_stay(
    verified, boxes, all_where_none, kept
):
    groundtruth = {"verified_classes": verified, "classes": np.array(boxes, int)}
    left = of_labelled_classes(groundtruth, FOUND, all_where_none)
    assert left["classes"].tolist() == kept
    assert left["masks"] == ["abc"[i] for i in kept]
    assert left["boxes"].tolist() == FOUND["boxes"][kept].tolist()


@pytest.mark.parametrize(("skips", "precision"), [(False, 0.5), (True, 1.0)])
def test_they_cost_no_precision(skips, precision):
    """A dog that is found first in the image of a cat, where nobody looked for dogs.

    The other image has a dog, found with a lower score: half of two are right.
    """
    config = eval_pb2.EvalConfig(skip_predictions_for_unlabeled_class=skips)
    evaluator = CocoDetectionMetrics(CATS_AND_DOGS, config)
    cat = truth([BOX], [0]) | {"verified_classes": np.array([0])}
    dog = truth([BOX], [1]) | {"verified_classes": np.array([1])}
    evaluator.add(1, cat, found([BOX, OTHER], [0.9, 0.8], [0, 1]))
    evaluator.add(2, dog, found([BOX], [0.5], [1]))
    result = evaluator.per_class()
    assert [row["AP"] for row in result] == pytest.approx([1.0, precision])
