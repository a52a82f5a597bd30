import pytest
from scenes import CATS_AND_DOGS, found, truth

from od_api.core.errors import ConfigError
from od_api.metrics import build_evaluators
from od_api.protos import eval_pb2


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
    ],
)
def test_each_set_gives_its_metric(name, metric):
    (evaluator,) = build(name)
    box = [[0, 0, 9, 9]]
    evaluator.add(1, truth(box), found(box, [0.9]))
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
        ("lvis_mask_metrics", "use coco_mask_metrics"),
        ("open_images_V2_detection_metrics", "group-of"),
    ],
)
def test_other_names_are_refused_with_the_reason(name, message):
    with pytest.raises(ConfigError, match=message) as error:
        build("coco_detection_metrics", name)
    assert error.value.field_path == "eval_config.metrics_set[1]"
