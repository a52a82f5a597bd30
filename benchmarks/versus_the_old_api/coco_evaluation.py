"""COCO metrics of a set of images, from the arrays of every image to the numbers.

Both sides through the class that their evaluation uses, and with the same arrays, so
that the same numbers must come out.
"""

import numpy as np
from timing import timed

SIDE = 640.0
CLASSES = 90
METRICS = ("DetectionBoxes_Precision/mAP", "DetectionBoxes_Recall/AR@100")


def ours(settings):
    from od_api.data.label_map import LabelMap
    from od_api.metrics.coco import CocoDetectionMetrics

    label_map = LabelMap.from_names([f"class {i + 1}" for i in range(CLASSES)])
    images = _images(settings)

    def evaluate():
        metrics = CocoDetectionMetrics(label_map, fast=settings["fast"])
        for number, (truth, found) in enumerate(images):
            metrics.add(number, truth, found)
        return metrics.result()

    yield from _measured(evaluate)


def old(settings):
    import old_api  # noqa: F401
    from object_detection.metrics import coco_evaluation

    categories = [{"id": i + 1, "name": f"class {i + 1}"} for i in range(CLASSES)]
    images = [
        (
            {
                "groundtruth_boxes": truth["boxes"],
                "groundtruth_classes": truth["classes"] + 1,
                "groundtruth_is_crowd": truth["is_crowd"],
            },
            {
                "detection_boxes": found["boxes"],
                "detection_scores": found["scores"],
                "detection_classes": found["classes"] + 1,
            },
        )
        for truth, found in _images(settings)
    ]

    def evaluate():
        evaluator = coco_evaluation.CocoDetectionEvaluator(categories)
        for number, (truth, found) in enumerate(images):
            evaluator.add_single_ground_truth_image_info(str(number), truth)
            evaluator.add_single_detected_image_info(str(number), found)
        return evaluator.evaluate()

    yield from _measured(evaluate)


def _measured(evaluate):
    found = evaluate()
    yield {name: round(float(found[name]), 6) for name in METRICS}
    while True:
        yield {"seconds": [timed(evaluate)]}


def _images(settings):
    """[(ground truth, detections)], boxes in pixels and classes from 0."""
    rng = np.random.default_rng(0)
    return [_image(rng, settings["detections"]) for _ in range(settings["images"])]


def _image(rng, detections):
    """Of a few objects, and of as many detections: many near an object, some false."""
    objects = int(rng.integers(1, 15))
    extent = np.exp(rng.uniform(np.log(10), np.log(300), (objects, 2)))
    low = rng.uniform(0, SIDE - extent)
    boxes = np.concatenate([low, low + extent], axis=1)
    classes = rng.integers(0, CLASSES, objects)
    near = rng.integers(0, objects, detections)
    jitter = rng.normal(0, 0.1, (detections, 4)) * np.tile(extent[near], 2)
    right = rng.uniform(size=detections) < 0.5
    kinds = np.where(right, classes[near], rng.integers(0, CLASSES, detections))
    truth = {
        "boxes": boxes.astype(np.float32),
        "classes": classes,
        "is_crowd": np.zeros(objects, bool),
    }
    found = {
        "boxes": _ordered(boxes[near] + jitter).astype(np.float32),
        "scores": rng.uniform(size=detections).astype(np.float32),
        "classes": kinds,
    }
    return truth, found


def _ordered(boxes):
    """With corners the right way round, whatever noise made of them."""
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    return np.concatenate([low, high], axis=1)
