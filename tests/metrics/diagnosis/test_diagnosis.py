"""What is said of an evaluation, together; its parts have tests of their own."""

import json

import numpy as np
import pytest
from scenes import CATS_AND_DOGS, NOTHING, Classes, found, random_images, truth

from od_api.metrics import build_evaluators
from od_api.metrics.diagnosis.diagnosis import Diagnosing
from od_api.metrics.diagnosis.diagnosis_text import as_text
from od_api.protos import eval_pb2

BOX, FAR = [0, 0, 10, 10], [50, 50, 90, 90]


def diagnosed(images, labels=CATS_AND_DOGS, evaluators=(), samples=20):
    diagnosing = Diagnosing(labels, eval_pb2.EvalConfig(), samples)
    for i, (groundtruth, detections) in enumerate(images, start=1):
        image = {"groundtruth": groundtruth, "detections": detections}
        diagnosing.add(i, {**image, "source_id": b"%d" % i})
        for evaluator in evaluators:
            evaluator.add(i, groundtruth, detections)
    return diagnosing.result(evaluators)


def test_the_report_by_hand():
    """A cat is found, and a dog is taken for a cat; there is a medium dog to find."""
    images = [
        (truth([BOX]), found([BOX], [0.9])),
        (truth([FAR], [1]), found([FAR], [0.6])),
    ]
    report = diagnosed(images).report
    json.dumps(report, allow_nan=False)
    assert report["threshold"]["score"] == pytest.approx(0.9)
    cat, dog = report["classes"]
    assert (cat["name"], cat["objects"], cat["detections"]) == ("cat", 1, 2)
    assert [cat["AP50"], cat["AR"]] == pytest.approx([1.0, 1.0])
    assert cat["threshold"]["recall"] == 1.0
    assert dog["AP"] == 0.0 and dog["threshold"] is None
    sizes = [(row["size"], row["objects"], row["AP"]) for row in report["sizes"]]
    assert sizes == [
        ("small", 1, pytest.approx(1)),
        ("medium", 1, 0),
        ("large", 0, None),
    ]
    assert report["errors"]["errors"]["classification"]["count"] == 1
    assert report["confusion"]["matrix"] == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert report["calibration"]["error"] == pytest.approx((0.1 + 0.6) / 2)
    assert report["intervals"]["mAP"]["value"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "sets", [[], ["coco_detection_metrics"], ["pascal_voc_detection_metrics"]]
)
def test_numbers_do_not_depend_on_the_metrics_set(sets):
    """Classes that the label map lacks are left out of all of them."""
    labels = Classes({1: "cat", 3: "cow"})
    images = [(t, d) for _, t, d in random_images(7)]
    evaluators = build_evaluators(eval_pb2.EvalConfig(metrics_set=sets), labels)
    report = diagnosed(images, labels, evaluators).report
    alone = diagnosed(images, labels).report
    assert report == alone
    assert sum(row["objects"] for row in report["classes"]) > 5
    matrix = np.array(report["confusion"]["matrix"])
    assert matrix[0].sum() == report["classes"][0]["objects"]


@pytest.mark.parametrize("images", [[], [(truth(NOTHING), found(NOTHING, []))]])
def test_nothing_to_measure(images):
    report = diagnosed(images).report
    assert report["errors"] is report["calibration"] is report["intervals"] is None
    assert report["threshold"] is report["confusion"] is None
    assert "cat" in as_text(report)


def test_what_is_sure_and_wrong_is_worst():
    diagnosing = Diagnosing(CATS_AND_DOGS)
    images = {
        "right and sure": found([BOX], [1.0]),
        "right": found([BOX], [0.5]),
        "missed": found(NOTHING, []),
        "elsewhere": found([FAR], [0.5]),
        "elsewhere and sure": found([FAR], [1.0]),
    }
    badness = [
        diagnosing.add(
            i, {"groundtruth": truth([BOX]), "detections": d, "source_id": b""}
        )
        for i, d in enumerate(images.values())
    ]
    assert badness == [0.0, 0.25, 1.0, 1.25, 2.0]


def test_text_of_few_classes_and_of_many():
    names = {i: f"class {i:02}" for i in range(1, 41)}
    boxes = [[0, 20 * i, 10, 20 * i + 10] for i in range(30)]
    classes = np.arange(30)
    some = [(truth(boxes, classes), found(boxes, 0.3 + classes / 60, classes))]
    report = diagnosed(some, Classes(names)).report
    text = as_text(report)
    assert "24 more classes: --per-class shows them all" in text
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) < 40
    assert all(name in as_text(report, every_class=True) for name in names.values())
    few = as_text(diagnosed([(truth([BOX]), found([BOX], [0.9]))]).report)
    assert "more classes" not in few and "dog" in few
    assert "all classes: best F1 1.000 from a score of 0.899 on" in few
