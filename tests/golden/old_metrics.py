"""The old API's COCO box metrics on a small seeded set with crowds.

Run through `make_golden.py`. Every function returns {case: {field: array}}.
"""

import numpy as np
from object_detection.metrics import coco_evaluation

CATEGORIES = [
    {"id": i, "name": name} for i, name in ((1, "ant"), (2, "bee"), (4, "cat"))
]
SIDE = 400.0
IMAGES = 12


def coco():
    """Boxes are in pixels; image i has ground truth `gt_*` rows where gt_image == i.

    Category 4 has ground truth but its detections are rarely right; image 3 has
    detections only, image 5 ground truth only, image 7 nothing at all.
    """
    truth = ground_truth()
    rows = detections(truth)
    evaluator = coco_evaluation.CocoDetectionEvaluator(CATEGORIES)
    for image in range(IMAGES):
        at = truth["gt_image"] == image
        evaluator.add_single_ground_truth_image_info(
            str(image),
            {
                "groundtruth_boxes": truth["gt_boxes"][at],
                "groundtruth_classes": truth["gt_classes"][at],
                "groundtruth_is_crowd": truth["gt_is_crowd"][at],
            },
        )
        at = rows["dt_image"] == image
        evaluator.add_single_detected_image_info(
            str(image),
            {
                "detection_boxes": rows["dt_boxes"][at],
                "detection_scores": rows["dt_scores"][at],
                "detection_classes": rows["dt_classes"][at],
            },
        )
    metrics = evaluator.evaluate()
    names = sorted(metrics)
    values = [float(metrics[name]) for name in names]
    return {"boxes": {**truth, **rows, "metric_names": names, "metrics": values}}


def ground_truth():
    rng = np.random.default_rng(30)
    image = np.sort(rng.integers(0, IMAGES, 60))
    image = image[(image != 3) & (image != 7)]
    count = len(image)
    # Sides from 8 to 200 pixels: some small, medium and large areas.
    extent = np.exp(rng.uniform(np.log(8), np.log(200), (count, 2)))
    low = rng.uniform(0, SIDE - extent)
    return {
        "gt_image": image,
        "gt_boxes": np.concatenate([low, low + extent], 1).astype(np.float32),
        "gt_classes": rng.choice([1, 2, 4], count),
        "gt_is_crowd": (rng.uniform(size=count) < 0.15).astype(np.int64),
    }


def detections(truth):
    """Jittered copies of most boxes, some of them twice, and false ones."""
    rng = np.random.default_rng(31)
    copies = np.repeat(np.arange(len(truth["gt_image"])), 2)
    copies = copies[rng.uniform(size=len(copies)) < 0.7]
    copies = copies[truth["gt_image"][copies] != 5]
    boxes = truth["gt_boxes"][copies]
    extent = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    boxes = boxes + rng.normal(0, 0.08, boxes.shape) * extent
    classes = truth["gt_classes"][copies]
    wrong = rng.uniform(size=len(copies)) < 0.15
    classes = np.where(wrong, rng.choice([1, 2, 4], len(copies)), classes)
    low = rng.uniform(0, 300, (20, 2))
    false = np.concatenate([low, low + rng.uniform(10, 90, (20, 2))], 1)
    false_image = rng.choice([i for i in range(IMAGES) if i not in (5, 7)], 20)
    boxes = np.concatenate([boxes, false]).astype(np.float32)
    return {
        "dt_image": np.concatenate([truth["gt_image"][copies], false_image]),
        "dt_boxes": boxes,
        "dt_classes": np.concatenate([classes, rng.choice([1, 2, 4], 20)]),
        "dt_scores": rng.uniform(0, 1, len(boxes)).astype(np.float32),
    }
