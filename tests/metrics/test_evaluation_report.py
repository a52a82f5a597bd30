import io
import json

import pytest
from rich.console import Console
from scenes import Classes, found, truth

from od_api.metrics import build_evaluators, evaluation_report
from od_api.protos import eval_pb2

CLASSES = Classes({1: "cat [big]", 2: "dog"})


@pytest.fixture
def written(tmp_path):
    config = eval_pb2.EvalConfig(
        metrics_set=["coco_detection_metrics", "pascal_voc_detection_metrics"]
    )
    evaluators = build_evaluators(config, CLASSES)
    box = [[0, 0, 9, 9]]
    for evaluator in evaluators:
        evaluator.add(1, truth(box), found(box, [0.9]))
        evaluator.add(2, truth(box), found(box, [0.9]))
    metrics = {k: v for e in evaluators for k, v in e.result().items()}
    metrics["Loss/total_loss"] = 1.5
    evaluation_report.write(
        tmp_path / "eval",
        step=300,
        metrics=metrics,
        evaluators=evaluators,
        label_map=CLASSES,
    )
    return tmp_path / "eval"


def test_the_file(written):
    """Valid JSON: the NaN of the class without objects is null."""
    content = json.loads((written / "eval_report.json").read_text())
    assert content["step"] == 300 and content["images"] == 2
    assert content["metrics"]["Loss/total_loss"] == 1.5
    assert content["metrics"]["PascalBoxes_PerformanceByCategory/AP@0.5IOU/dog"] is None
    cat, dog = content["classes"]
    assert (cat["id"], cat["name"], cat["groundtruth"]) == (1, "cat [big]", 2)
    assert cat["AP"]["coco_detection_metrics"] == pytest.approx(1.0)
    assert dog["AP"] == {
        "coco_detection_metrics": None,
        "pascal_voc_detection_metrics": None,
    }
    assert [e["metrics_set"] for e in content["evaluators"]] == list(cat["AP"])


def test_nothing_temporary_is_left(written):
    assert sorted(p.name for p in written.iterdir()) == [
        "eval_report.json",
        "pr_curves.json",
        "pr_curves.png",
    ]


def test_the_table(written):
    text = io.StringIO()
    evaluation_report.show(written / "eval_report.json", Console(file=text, width=120))
    text = text.getvalue()
    assert "step 300, 2 images" in text
    assert "cat [big]" in text and "1.0000" in text
    assert "DetectionBoxes_Precision/mAP (small)" in text


def test_summary_leaves_out_single_classes():
    text = evaluation_report.summary(
        {
            "P_Precision/mAP@0.5IOU@[0.2,0.8]Recall": 0.5,
            "DetectionBoxes_Precision/mAP (large)": -1.0,
            "P_PerformanceByCategory/AP@0.5IOU/cat": 0.25,
        }
    )
    assert "[0.2,0.8]Recall  0.5000" in " ".join(text.split(" "))
    assert "mAP (large)" in text and "-" in text
    assert "cat" not in text
