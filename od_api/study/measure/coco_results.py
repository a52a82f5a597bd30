"""An exported model over the evaluation images: COCO files and the metrics of them.

The metrics come from the list of results, as it is in the file: ones that exist already
are measured in the very same way.
"""

import math

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.system.json_files import read_json


def detect_all(find, images):
    """COCO results of a model for images.

    Args:
      find: of a Finder, of any engine.
      images: of EvaluationImage.
    """
    results = []
    for image in images:
        (outputs,) = find(image.pixels[None])
        height, width = image.pixels.shape[:2]
        size = np.array([height, width, height, width], np.float32)
        boxes = outputs["detection_boxes"] * size
        scores, classes = outputs["detection_scores"], outputs["detection_classes"]
        for box, score, class_id in zip(boxes, scores, classes, strict=True):
            ymin, xmin, ymax, xmax = (float(v) for v in box)
            corner_and_size = (xmin, ymin, xmax - xmin, ymax - ymin)
            results.append(
                {
                    "image_id": image.image_id,
                    "category_id": int(class_id),
                    "bbox": [round(v, 3) for v in corner_and_size],
                    "score": round(float(score), 6),
                }
            )
    return results


def read_results(path):
    """The list of COCO results in a file; UserError if it holds something else."""
    results = read_json(path, "list of COCO results")
    needed = {"image_id", "category_id", "bbox", "score"}
    if not isinstance(results, list) or not all(
        isinstance(row, dict) and needed <= set(row) for row in results
    ):
        names = ", ".join(sorted(needed))
        raise UserError(f"{printable(path)} is no list of COCO results: {names}")
    try:
        _detections(results), {row["image_id"] for row in results}
    except (OverflowError, TypeError, ValueError) as error:
        raise UserError(
            f"{printable(path)} has values that no COCO result has: {error}"
        ) from error
    return results


def measure(results, images, label_map, eval_config):
    """{"accuracy": {metric: number or None}, "per_class": {name: AP or None}}.

    Args:
      results: COCO results.
      images: EvaluationImages, or a list of EvaluationImage.
      label_map: LabelMap.
      eval_config: EvalConfig.

    Raises:
      UserError: results of images that are not there.
    """
    found = {}
    for result in results:
        found.setdefault(result["image_id"], []).append(result)
    evaluator = CocoDetectionMetrics(label_map, eval_config)
    for image in images:
        rows = found.pop(image.image_id, [])
        evaluator.add(image.image_id, image.groundtruth, _detections(rows))
    if found:
        raise UserError(
            f"there are results of image {next(iter(found))}, but no such image in the "
            "evaluation's records: their ids are the records' source ids"
        )
    metrics = evaluator.result()
    classes = {row["name"]: row["AP"] for row in evaluator.per_class()}
    return {
        "accuracy": {k: _known(v) for k, v in metrics.items()},
        "per_class": {k: _known(v) for k, v in classes.items()},
    }


def coco_annotations(images, label_map):
    """The ground truth as a COCO annotation file has it."""
    listed, annotations = [], []
    for image in images:
        height, width = image.pixels.shape[:2]
        listed.append({"id": image.image_id, "height": height, "width": width})
        truth = image.groundtruth
        for row in range(len(truth["boxes"])):
            ymin, xmin, ymax, xmax = (float(v) for v in truth["boxes"][row])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image.image_id,
                    "category_id": int(truth["classes"][row]) + 1,
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "area": float(truth["area"][row]),
                    "iscrowd": int(truth["is_crowd"][row]),
                }
            )
    categories = label_map.to_coco_categories()
    return {"images": listed, "annotations": annotations, "categories": categories}


def _detections(results):
    """The arrays that evaluators take."""
    boxes = np.array([r["bbox"] for r in results], np.float32).reshape(-1, 4)
    corner, size = boxes[:, 1::-1], boxes[:, :1:-1]
    return {
        "boxes": np.concatenate([corner, corner + size], axis=1),
        "scores": np.array([r["score"] for r in results], np.float32),
        "classes": np.array([r["category_id"] for r in results], np.int32) - 1,
    }


def _known(value):
    """None where there was nothing to measure, for which the COCO tools have -1."""
    return float(value) if math.isfinite(value) and value != -1 else None
