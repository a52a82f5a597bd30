import numpy as np
import pytest
from scenes import found, truth

from od_api.core.errors import ConfigError
from od_api.data.label_map import LabelMap
from od_api.metrics import build_evaluators
from od_api.pictures import rle
from od_api.protos import eval_pb2

CATS_AND_DOGS = LabelMap.from_names(["cat", "dog"])


def build(*names, **settings):
    config = eval_pb2.EvalConfig(metrics_set=names, **settings)
    return build_evaluators(config, CATS_AND_DOGS)


@pytest.mark.parametrize(
    "name, metric",
    [
        ("coco_detection_metrics", "DetectionBoxes_Precision/mAP"),
        ("pascal_voc_detection_metrics", "PascalBoxes_Precision/mAP@0.5IOU"),
        (
            "weighted_pascal_voc_detection_metrics",
            "WeightedPascalBoxes_Precision/mAP@0.5IOU",
        ),
        (
            "precision_at_recall_detection_metrics",
            "PrecisionAtRecallBoxes_Precision/mAP@0.5IOU",
        ),
        ("oid_V2_detection_metrics", "OpenImagesV2_Precision/mAP@0.5IOU"),
        ("open_images_V2_detection_metrics", "OpenImagesV2_Precision/mAP@0.5IOU"),
        (
            "oid_challenge_detection_metrics",
            "OpenImagesDetectionChallenge_Precision/mAP@0.5IOU",
        ),
        ("lvis_detection_metrics", "DetectionBoxes_AP"),
        ("coco_mask_metrics", "DetectionMasks_Precision/mAP"),
        ("lvis_mask_metrics", "DetectionMasks_AP"),
        (
            "pascal_voc_instance_segmentation_metrics",
            "PascalMasks_Precision/mAP@0.5IOU",
        ),
        (
            "weighted_pascal_voc_instance_segmentation_metrics",
            "WeightedPascalMasks_Precision/mAP@0.5IOU",
        ),
        (
            "oid_challenge_segmentation_metrics",
            "OpenImagesInstanceSegmentationChallenge_Precision/mAP@0.5IOU",
        ),
    ],
)
def test_each_set_gives_its_metric(name, metric):
    (evaluator,) = build(name)
    box = [[0, 0, 9, 9]]
    masks = {"masks": rle.encode(np.ones([1, 9, 9]))}
    evaluator.add(1, truth(box, **masks), found(box, [0.9]) | masks)
    assert evaluator.needs_masks == ("Masks" in metric or "Segmentation" in metric)
    assert evaluator.key == name and evaluator.main_metric == metric
    assert evaluator.result()[metric] == pytest.approx(1.0)


def test_coco_by_default_and_each_set_once():
    assert [e.key for e in build()] == ["coco_detection_metrics"]
    names = ["pascal_voc_detection_metrics", "coco_detection_metrics"]
    assert [e.key for e in build(*names, *names)] == names


def test_recall_bounds_come_from_the_config():
    (evaluator,) = build(
        "precision_at_recall_detection_metrics",
        recall_lower_bound=0.25,
        recall_upper_bound=0.75,
    )
    assert evaluator.main_metric.endswith("mAP@0.5IOU@[0.2,0.8]Recall")
    assert evaluator.settings()["recall_bounds"] == [0.25, 0.75]


@pytest.mark.parametrize(
    "name, message",
    [
        ("coco_detection_metric", "Did you mean coco_detection_metrics"),
        ("nonsense", "no metrics set 'nonsense'. Available: coco"),
        ("coco_panoptic_metrics", "panoptic"),
    ],
)
def test_other_names_are_refused_with_the_reason(name, message):
    with pytest.raises(ConfigError, match=message) as error:
        build("coco_detection_metrics", name)
    assert error.value.field_path == "eval_config.metrics_set[1]"


@pytest.mark.parametrize(
    "first, later",
    [
        ("pascal_voc_metrics", "pascal_voc_detection_metrics"),
        ("weighted_pascal_voc_metrics", "weighted_pascal_voc_detection_metrics"),
        ("open_images_metrics", "oid_V2_detection_metrics"),
        ("open_images_V2_detection_metrics", "oid_V2_detection_metrics"),
    ],
)
def test_first_names_are_the_same_sets(first, later):
    (one,), (other,) = build(first), build(later)
    assert type(one) is type(other) and one.main_metric == other.main_metric
    assert one.settings() == other.settings()
