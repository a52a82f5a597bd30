"""COCO mask metrics: by hand, and against pycocotools on COCO JSON."""

import contextlib
import copy
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scenes import CATS_AND_DOGS, NOTHING, found, truth

from od_api.data.synthetic import synth
from od_api.metrics import build_evaluators
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.coco_mask import CocoMaskMetrics
from od_api.pictures import rle
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
SIZE = (60, 80)
BOX = [10, 20, 30, 40]


def codes(*boxes):
    """Codes of masks that fill boxes (whole numbers of pixels)."""
    masks = np.zeros([len(boxes), *SIZE])
    for mask, (ymin, xmin, ymax, xmax) in zip(masks, boxes, strict=True):
        mask[ymin:ymax, xmin:xmax] = 1
    return rle.encode(masks)


def measure(*images, **settings):
    evaluator = CocoMaskMetrics(CATS_AND_DOGS, eval_pb2.EvalConfig(**settings))
    for i, (groundtruth, detections) in enumerate(images, start=1):
        evaluator.add(i, groundtruth, detections)
    return evaluator.result()


def test_a_mask_found_exactly_gives_1_under_the_old_names():
    """One small object; there are no medium or large ones: -1."""
    image = truth([BOX], masks=codes(BOX)), found([BOX], [0.9]) | {"masks": codes(BOX)}
    metrics = measure(image)
    assert list(metrics) == [f"DetectionMasks_{name}" for name in NAMES]
    for name in NAMES:
        absent = "medium" in name or "large" in name
        assert metrics[f"DetectionMasks_{name}"] == pytest.approx(-1 if absent else 1)


def test_half_a_mask_is_right_at_one_threshold_of_ten():
    """10 of 20 columns: IoU 1/2, which reaches .5 and none of .55, ... .95. The box is
    exact, so that the metric of boxes sees no fault."""
    half = codes([10, 20, 30, 30])
    image = truth([BOX], masks=codes(BOX)), found([BOX], [0.9]) | {"masks": half}
    metrics = measure(image)
    assert metrics["DetectionMasks_Precision/mAP@.50IOU"] == pytest.approx(1.0)
    assert metrics["DetectionMasks_Precision/mAP@.75IOU"] == 0.0
    assert metrics["DetectionMasks_Precision/mAP"] == pytest.approx(0.1)
    boxes = CocoDetectionMetrics(CATS_AND_DOGS)
    boxes.add(1, *image)
    assert boxes.result()["DetectionBoxes_Precision/mAP"] == pytest.approx(1.0)


def test_a_detection_inside_a_crowds_mask_is_not_wrong():
    """The false alarm has the better score: without the flag it would halve the AP."""
    crowd, inside = [0, 50, 60, 80], [20, 55, 40, 75]
    masks = codes(BOX, crowd)
    detections = found([inside, BOX], [0.9, 0.5]) | {"masks": codes(inside, BOX)}
    image = truth([BOX, crowd], masks=masks, is_crowd=[False, True]), detections
    assert measure(image)["DetectionMasks_Precision/mAP"] == pytest.approx(1.0)
    image = truth([BOX, crowd], masks=masks), detections
    assert measure(image)["DetectionMasks_Precision/mAP"] < 0.6


def test_detections_are_small_by_their_masks():
    """A false alarm of 20x20 pixels in a box of 60x80 counts among the small ones, the
    box's 4800 pixels would be medium. It comes first: precision 1/2."""
    alarm = [0, 0, 60, 80]
    masks = codes([35, 50, 55, 70], BOX)
    image = (
        truth([BOX], masks=codes(BOX)),
        found([alarm, BOX], [0.9, 0.5]) | {"masks": masks},
    )
    assert measure(image)["DetectionMasks_Precision/mAP (small)"] == pytest.approx(0.5)


def test_images_without_objects_or_without_detections_count():
    """As with boxes: one of two objects found, 51 of 101 recall points."""
    none = found(NOTHING, []) | {"masks": []}
    hit = truth([BOX], masks=codes(BOX)), found([BOX], [0.5]) | {"masks": codes(BOX)}
    empty = truth(NOTHING, masks=[]), none
    missed = truth([BOX], masks=codes(BOX)), none
    metrics = measure(hit, empty, missed)
    assert metrics["DetectionMasks_Precision/mAP"] == pytest.approx(51 / 101)
    assert measure(empty)["DetectionMasks_Precision/mAP"] == -1.0


def test_per_category_names():
    image = truth([BOX], masks=codes(BOX)), found([BOX], [0.9]) | {"masks": codes(BOX)}
    metrics = measure(image, include_metrics_per_category=True)
    prefix = "DetectionMasks_PerformanceByCategory/mAP"
    assert metrics[f"{prefix}/cat"] == pytest.approx(1.0)
    assert metrics[f"{prefix}/dog"] == -1.0


def test_boxes_and_masks_in_one_run():
    names = ["coco_mask_metrics", "coco_detection_metrics"]
    config = eval_pb2.EvalConfig(metrics_set=names)
    masks, boxes = build_evaluators(config, CATS_AND_DOGS)
    assert masks.needs_masks and not boxes.needs_masks
    assert masks.main_metric == "DetectionMasks_Precision/mAP"
    image = truth([BOX], masks=codes(BOX)), found([BOX], [0.9]) | {"masks": codes(BOX)}
    for evaluator in (masks, boxes):
        evaluator.add(1, *image)
        assert evaluator.result()[evaluator.main_metric] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("groundtruth", "detections", "message"),
    [
        (truth([BOX]), found([BOX], [0.9]) | {"masks": codes(BOX)}, "without masks"),
        (truth([BOX], masks=codes(BOX)), found([BOX], [0.9]), "without masks"),
        (truth([BOX], masks=[]), found(NOTHING, []) | {"masks": []}, "1 boxes, but 0"),
        (
            truth([BOX], masks=codes(BOX)),
            found([BOX], [0.9]) | {"masks": rle.encode(np.ones([1, 8, 8]))},
            "masks of sizes",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(groundtruth, detections, message):
    with pytest.raises(ValueError, match=message):
        measure((groundtruth, detections))


@pytest.fixture(scope="module")
def shifted_scenes(tmp_path_factory):
    """COCO JSON of synthetic scenes with some crowds, and moved masks as results."""
    folder = tmp_path_factory.mktemp("scenes")
    coco = synth.generate(folder, num_images=12, image_size=(96, 128), seed=5)
    rng = np.random.default_rng(0)
    results = []
    for annotation in coco["annotations"]:
        annotation["iscrowd"] = int(rng.random() < 0.15)
        (mask,) = rle.decode([annotation["segmentation"]])
        for _ in range(rng.integers(0, 4)):
            moved = np.roll(mask, rng.integers(-4, 5, 2), (0, 1))
            moved[:, : rng.integers(0, 64)] = 0
            (code,) = rle.encode(moved[None])
            classes = [annotation["category_id"], int(rng.integers(1, 6))]
            results.append(
                {
                    "image_id": annotation["image_id"],
                    "category_id": classes[int(rng.random() < 0.2)],
                    "segmentation": code,
                    "score": round(float(rng.random()), 2),
                }
            )
    path = folder / "crowds.json"
    path.write_text(json.dumps(coco))
    return path, coco, results


@pytest.mark.parametrize("fast", [False, True])
def test_agrees_with_pycocotools_on_the_files(shifted_scenes, fast):
    """The twelve numbers of COCOeval on the JSON, with images of up to 9 objects."""
    path, coco, results = shifted_scenes
    with contextlib.redirect_stdout(io.StringIO()):
        files = COCO(str(path))
        want = COCOeval(files, files.loadRes(copy.deepcopy(results)), "segm")
        want.evaluate()
        want.accumulate()
        want.summarize()
    evaluator = CocoMaskMetrics(synth.label_map(), fast=fast)
    for image in coco["images"]:
        evaluator.add(image["id"], *_rows(image["id"], coco, results))
    assert 0.1 < want.stats[0] < 0.9
    np.testing.assert_allclose(list(evaluator.result().values()), want.stats, atol=1e-9)


def _rows(image_id, coco, results):
    """The arrays of one image. Boxes of the results do not matter: all zero."""
    here = [a for a in coco["annotations"] if a["image_id"] == image_id]
    theirs = [r for r in results if r["image_id"] == image_id]
    corners = [[y, x, y + h, x + w] for x, y, w, h in (a["bbox"] for a in here)]
    groundtruth = truth(
        np.array(corners, float).reshape(-1, 4),
        [a["category_id"] - 1 for a in here],
        is_crowd=[bool(a["iscrowd"]) for a in here],
        area=[a["area"] for a in here],
        masks=[a["segmentation"] for a in here],
    )
    classes = [r["category_id"] - 1 for r in theirs]
    scores = [r["score"] for r in theirs]
    masks = [r["segmentation"] for r in theirs]
    boxes = np.zeros([len(theirs), 4])
    return groundtruth, found(boxes, scores, classes) | {"masks": masks}
