"""Shares of images whose class is the best one, or among the best five."""

import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.data.label_map import LabelMap
from od_api.metrics import build_evaluators
from od_api.metrics.image_classification import ImageClassificationMetrics
from od_api.protos import eval_pb2

LABELS = LabelMap.from_names([f"class {i}" for i in range(1, 8)])
# Ranks of the classes 0..6: 0, 1, 2, ...
SCORES = np.float32([0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05])


def measured(*images):
    metrics = ImageClassificationMetrics(LABELS)
    for i, classes in enumerate(images):
        wanted = np.zeros(7, np.float32)
        wanted[list(classes)] = 1
        metrics.add(i, {"image_classes": wanted}, {"scores": SCORES})
    return metrics


def test_top_1_and_top_5():
    """Classes 0, 4, 5 and 1: one is the best, three are among five."""
    result = measured([0], [4], [5], [1]).result()
    assert result == {
        "ImageClassification/top_1_accuracy": 0.25,
        "ImageClassification/top_5_accuracy": 0.75,
    }


def test_one_of_several_classes_is_enough_and_none_does_not_count():
    metrics = measured([6, 0], [])
    assert metrics.result()["ImageClassification/top_1_accuracy"] == 1.0
    assert metrics.num_images == 2


def test_nothing_to_measure():
    assert set(measured().result().values()) == {-1.0}
    assert [row["groundtruth"] for row in measured().per_class()] == [0] * 7


def test_counts_of_classes():
    """All images are taken for class 1."""
    rows = measured([0, 2], [2]).per_class()
    assert [row["groundtruth"] for row in rows] == [1, 0, 2, 0, 0, 0, 0]
    assert [row["detections"] for row in rows] == [2, 0, 0, 0, 0, 0, 0]


def test_default_of_models_without_boxes():
    settings = eval_pb2.EvalConfig()
    (made,) = build_evaluators(settings, LABELS, finds_boxes=False)
    assert isinstance(made, ImageClassificationMetrics)
    assert made.curves() is None


@pytest.mark.parametrize(
    ("name", "boxes"),
    [("image_classification_metrics", True), ("coco_detection_metrics", False)],
)
def test_sets_of_the_other_kind_are_refused(name, boxes):
    settings = text_format.Parse(f"metrics_set: '{name}'", eval_pb2.EvalConfig())
    with pytest.raises(ConfigError, match="this model finds") as caught:
        build_evaluators(settings, LABELS, finds_boxes=boxes)
    assert caught.value.field_path == "eval_config.metrics_set[0]"
