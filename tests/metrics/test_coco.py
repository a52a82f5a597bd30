import contextlib
import io
import sys

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scenes import CATS_AND_DOGS, NOTHING, Classes, found, random_images, truth

from od_api.core.errors import UserError
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.protos import eval_pb2

NAMES = (
    "Precision/mAP",
    "Precision/mAP@.50IOU",
    "Precision/mAP@.75IOU",
    "Precision/mAP (small)",
    "Precision/mAP (medium)",
    "Precision/mAP (large)",
    "Recall/AR@1",
    "Recall/AR@10",
    "Recall/AR@100",
    "Recall/AR@100 (small)",
    "Recall/AR@100 (medium)",
    "Recall/AR@100 (large)",
)
NAMES = [f"DetectionBoxes_{name}" for name in NAMES]
THREE = Classes({1: "cat", 2: "dog", 3: "cow"})
BOX = [0, 0, 10, 10]


def measure(images, label_map=CATS_AND_DOGS, **settings):
    fast = settings.pop("fast", False)
    evaluator = CocoDetectionMetrics(
        label_map, eval_pb2.EvalConfig(**settings), fast=fast
    )
    for i, (groundtruth, detections) in enumerate(images, start=1):
        evaluator.add(i, groundtruth, detections)
    return {k.replace("DetectionBoxes_", ""): v for k, v in evaluator.result().items()}


def test_what_is_found_exactly_has_precision_and_recall_1():
    """One object and one detection: with an annotation id of 0 COCO would see no match.
    There are no medium or large objects: -1."""
    metrics = measure([(truth([BOX]), found([BOX], [0.9]))])
    assert metrics["Precision/mAP"] == pytest.approx(1.0)
    assert metrics["Precision/mAP (small)"] == pytest.approx(1.0)
    assert metrics["Precision/mAP (medium)"] == -1.0
    assert metrics["Recall/AR@1"] == pytest.approx(1.0)


def test_iou_of_7_13ths_is_right_at_one_threshold_of_ten():
    metrics = measure([(truth([BOX]), found([[0, 3, 10, 13]], [0.9]))])
    assert metrics["Precision/mAP@.50IOU"] == pytest.approx(1.0)
    assert metrics["Precision/mAP@.75IOU"] == 0.0
    assert metrics["Precision/mAP"] == pytest.approx(0.1)


def test_a_duplicate_after_full_recall_costs_nothing():
    metrics = measure([(truth([BOX]), found([BOX, BOX], [0.9, 0.8]))])
    assert metrics["Precision/mAP"] == pytest.approx(1.0)


def test_images_without_objects_or_without_detections_count():
    """A better-scored false alarm halves precision everywhere. With two objects, one
    never found, recall stops at 1/2: 51 of the 101 recall points are reached."""
    hit = (truth([BOX]), found([BOX], [0.5]))
    alarm = (truth(NOTHING), found([BOX], [0.9]))
    missed = (truth([BOX]), found(NOTHING, []))
    assert measure([hit, alarm])["Precision/mAP"] == pytest.approx(0.5)
    metrics = measure([hit, missed])
    assert metrics["Precision/mAP"] == pytest.approx(51 / 101)
    assert metrics["Recall/AR@100"] == pytest.approx(0.5)


def test_detections_of_a_crowd_are_not_wrong():
    """Without the flag the better-scored detection of the crowd would halve the AP."""
    crowd = [100, 100, 200, 200]
    images = [
        (
            truth([BOX, crowd], is_crowd=[False, True]),
            found([BOX, [110, 110, 150, 150]], [0.5, 0.9]),
        )
    ]
    assert measure(images)["Precision/mAP"] == pytest.approx(1.0)


def test_a_given_area_decides_about_the_size():
    """The box has 100 pixels, the object says 2000: medium, from 32^2 to 96^2."""
    metrics = measure([(truth([BOX], area=[2000]), found([BOX], [0.9]))])
    assert metrics["Precision/mAP (small)"] == -1.0
    assert metrics["Precision/mAP (medium)"] == pytest.approx(1.0)


def test_without_any_image_nothing_is_known():
    assert measure([]) == {k.replace("DetectionBoxes_", ""): -1.0 for k in NAMES}


@pytest.mark.parametrize("seed", range(3))
def test_equals_pycocotools_from_json(seed):
    """The usual way: annotation files, loadRes, summarize."""
    images = list(random_images(seed, most_found=150))
    evaluator = CocoDetectionMetrics(THREE, fast=False)
    for image in images:
        evaluator.add(*image)
    result = evaluator.result()
    assert list(result) == NAMES
    expected = _stats(images)
    assert expected[0] > 0.1
    np.testing.assert_allclose([result[k] for k in NAMES], expected, atol=1e-12)


def _stats(images):
    annotations, results = [], []
    for image_id, t, d in images:
        for box, c, crowd, area in zip(
            t["boxes"], t["classes"], t["is_crowd"], t["area"], strict=True
        ):
            (y, x, bottom, right), common = box, {"image_id": image_id}
            h, w = bottom - y, right - x
            area = float(area or h * w)
            common |= {
                "category_id": int(c) + 1,
                "bbox": [float(v) for v in (x, y, w, h)],
            }
            common |= {"id": len(annotations) + 1, "area": area, "iscrowd": int(crowd)}
            annotations.append(common)
        for box, c, s in zip(d["boxes"], d["classes"], d["scores"], strict=True):
            y, x, bottom, right = box
            bbox = [float(v) for v in (x, y, right - x, bottom - y)]
            row = {"image_id": image_id, "category_id": int(c) + 1, "bbox": bbox}
            results.append(row | {"score": float(s)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i, *_ in images],
            "annotations": annotations,
            "categories": [{"id": i, "name": str(i)} for i in (1, 2, 3)],
        }
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats


@pytest.mark.parametrize(
    "images",
    [
        list(random_images(0, most_found=150)),
        list(random_images(1)),
        [(1, truth(NOTHING), found([BOX], [0.5]))],
        [(1, truth([BOX]), found(NOTHING, []))],
        [(1, truth([BOX], is_crowd=[True]), found([BOX] * 120, [0.5] * 120))],
        [],
    ],
    ids=["many", "few", "no objects", "no detections", "only a crowd", "no images"],
)
def test_fast_coco_eval_agrees(images):
    pytest.importorskip("faster_coco_eval")
    slow, fast = (CocoDetectionMetrics(THREE, fast=f) for f in (False, True))
    for image in images:
        slow.add(*image)
        fast.add(*image)
    assert fast.settings()["tool"] == "faster-coco-eval"
    for ours, theirs in ((slow, fast), (fast, slow)):
        assert ours.result() == pytest.approx(theirs.result(), abs=1e-9)
    for one, other in zip(slow.per_class(), fast.per_class(), strict=True):
        assert one == pytest.approx(other, abs=1e-9)
    for name, curve in slow.curves().items():
        np.testing.assert_allclose(
            curve["precision"], fast.curves()[name]["precision"], atol=1e-9
        )


def test_fast_coco_eval_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(UserError, match="pip install"):
        measure([], use_fast_coco_eval=True, fast=None)


def test_per_class():
    """The cat is found, the dog is not, there is no bird; ids have a gap."""
    birds = Classes({1: "cat", 3: "dog", 4: "bird"})
    other = [50, 50, 70, 70]
    metrics = measure(
        [(truth([BOX, other], [0, 2]), found([BOX], [0.9]))],
        birds,
        include_metrics_per_category=True,
        super_categories={"pets": "cat, dog", "wild": "bird"},
    )
    assert metrics["PerformanceByCategory/mAP/cat"] == pytest.approx(1.0)
    assert metrics["PerformanceByCategory/mAP/dog"] == 0.0
    assert metrics["PerformanceByCategory/mAP/bird"] == -1.0
    assert metrics["PerformanceBySuperCategory/pets"] == pytest.approx(0.5)
    assert metrics["PerformanceBySuperCategory/wild"] == -1.0
    assert metrics["Precision/mAP"] == pytest.approx(0.5)


def test_all_metrics_per_category_average_to_the_whole():
    images = [image[1:] for image in random_images(0)]
    metrics = measure(images, THREE, all_metrics_per_category=True)
    for name in ("Precision/mAP", "Recall/AR@100", "Precision/mAP (medium)"):
        each = [metrics[f"{name} ByCategory/{c}"] for c in ("cat", "dog", "cow")]
        assert min(each) >= 0
        assert np.mean(each) == pytest.approx(metrics[name])


def test_counts_and_curves():
    """Two cats, one of them a crowd; one detection a cat, one a dog."""
    evaluator = CocoDetectionMetrics(CATS_AND_DOGS)
    evaluator.add(
        5,
        truth([BOX, [50, 50, 90, 90]], is_crowd=[0, 1]),
        found([BOX, BOX], [0.9, 0.8], [0, 1]),
    )
    cat, dog = evaluator.per_class()
    assert (cat["groundtruth"], cat["detections"]) == (1, 1)
    assert (dog["groundtruth"], dog["detections"], dog["AP"]) == (0, 1, -1.0)
    curves = evaluator.curves()
    assert list(curves) == ["cat"]
    assert len(curves["cat"]["recall"]) == len(curves["cat"]["scores"]) == 101
    assert curves["cat"]["precision"][-1] == pytest.approx(1.0)


def test_a_second_time_does_not_count_and_later_images_do():
    evaluator = CocoDetectionMetrics(CATS_AND_DOGS)
    evaluator.add(1, truth([BOX]), found([BOX], [0.9]))
    evaluator.add(np.int64(1), truth([BOX]), found(NOTHING, []))
    assert evaluator.result()[NAMES[8]] == pytest.approx(1.0)
    evaluator.add(2, truth([BOX]), found(NOTHING, []))
    assert evaluator.result()[NAMES[8]] == pytest.approx(0.5)
    assert evaluator.num_images == 2


def test_it_prints_nothing(capfd):
    measure([(truth([BOX]), found([BOX], [0.9]))])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "groundtruth, detections, message",
    [
        (truth([[0, 0, 1]]), found(NOTHING, []), r"boxes must be \[n, 4\]"),
        (truth([BOX], [0, 1]), found(NOTHING, []), "classes must have one value a box"),
        (truth([BOX]), found([BOX], [0.5, 0.5]), "scores must have one value a box"),
        (truth([BOX], difficult=[]), found(NOTHING, []), "difficult must have"),
    ],
)
def test_arrays_that_do_not_fit(groundtruth, detections, message):
    with pytest.raises(ValueError, match=message):
        CocoDetectionMetrics(CATS_AND_DOGS).add(1, groundtruth, detections)


def _shelf(count):
    """Boxes of 4 x 4 px side by side, and detections of all of them."""
    left = 5.0 * np.arange(count)
    boxes = np.stack([0 * left, left, 0 * left + 4, left + 4], axis=-1)
    return truth(boxes), found(boxes, np.linspace(0.9, 0.1, count))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("most", "recall"), [(400, 1.0), (100, 1 / 3), (5, 5 / 300)])
def test_images_of_hundreds_of_objects(most, recall, fast):
    """300 objects, all found: as many count as detections are looked at."""
    if fast:
        pytest.importorskip("faster_coco_eval")
    metrics = measure([_shelf(300)], max_detections=most, fast=fast)
    assert metrics[f"Recall/AR@{most}"] == pytest.approx(recall)
    assert metrics[f"Recall/AR@{most} (small)"] == pytest.approx(recall)
    few = [
        name for name in metrics if name.startswith("Recall/AR@") and "(" not in name
    ]
    wanted = [1, 10, most] if most > 10 else [1, most]
    assert few == [f"Recall/AR@{n}" for n in wanted]


def test_classes_may_be_taken_for_one():
    """A cat that is called a dog is found; of two detections the better one counts."""
    image = (truth([BOX], [0]), found([BOX, BOX], [0.9, 0.8], [1, 0]))
    assert measure([image])["Recall/AR@1"] == pytest.approx(1.0)
    metrics = measure([image], class_agnostic=True, include_metrics_per_category=True)
    assert metrics["Precision/mAP"] == pytest.approx(1.0)
    assert metrics["PerformanceByCategory/mAP/object"] == pytest.approx(1.0)
    wrong = (truth([BOX], [0]), found([BOX], [0.9], [1]))
    assert measure([wrong])["Precision/mAP"] == 0
    assert measure([wrong], class_agnostic=True)["Precision/mAP"] == pytest.approx(1.0)


def test_settings_say_what_was_looked_at():
    settings = eval_pb2.EvalConfig(max_detections=300, class_agnostic=True)
    found_settings = CocoDetectionMetrics(CATS_AND_DOGS, settings).settings()
    assert found_settings["max_detections"] == 300
    assert found_settings["class_agnostic"]
    assert "class_agnostic" not in CocoDetectionMetrics(CATS_AND_DOGS).settings()
