"""What an evaluation's detections are good for, and what is wrong with them.

Boxes, by the rules of COCO: crowds are neither to be found nor wrong to be found, other
flags of objects do not count.
"""

from typing import Any, NamedTuple

import numpy as np

from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.diagnosis import bootstrap
from od_api.metrics.diagnosis.best_thresholds import of_classes
from od_api.metrics.diagnosis.calibration import calibration
from od_api.metrics.diagnosis.confusion import confusion
from od_api.metrics.diagnosis.detection_errors import RIGHT, costs, errors_of_image
from od_api.metrics.image_records import ImageRecords

_SIZES = (("small", 0, 32**2), ("medium", 32**2, 96**2), ("large", 96**2, np.inf))


class Diagnosis(NamedTuple):
    """What was found out.

    Attributes:
      report: for JSON: `threshold`, `classes`, `sizes`, `errors`, `calibration`,
        `confusion` and `intervals`; None where there is nothing to say.
      curves: {class name: {"recall", "precision", "scores"}} at IoU .5.
      matches: [ClassMatches].
      images: {image id: (GroundTruth, Found)}, of the label map's classes.
      names: {image id: bytes}.
    """

    report: dict
    curves: dict
    matches: Any
    images: Any
    names: dict


class Diagnosing:
    """Collects the images of an evaluation.

    Args:
      label_map: has `ids` (1-based, gaps allowed) and `name(id)`.
      eval_config: EvalConfig.
      samples: of the images, for intervals; 0: no intervals.
    """

    def __init__(self, label_map, eval_config=None, samples=bootstrap.SAMPLES):
        self._label_map, self._config = label_map, eval_config
        self._samples = samples
        self._records, self._errors, self._names = ImageRecords(), [], {}

    def add(self, image_id, image):
        """One image, a dict of `per_image`; returns how much is wrong with it.

        That is the sum of the squared scores of wrong detections and of (1 - score)^2
        of objects, whose score is that of what found them, or 0: what is wrong and
        sure counts most, as in Brier's score.
        """
        truth, found = (
            of_known_classes(image[name], self._label_map)
            for name in ("groundtruth", "detections")
        )
        if not self._records.put(image_id, truth, found):
            return 0.0
        self._names[int(image_id)] = image["source_id"]
        errors = errors_of_image(*self._records[int(image_id)])
        self._errors.append(errors)
        scores, right = np.clip(errors.scores, 0, 1), errors.kinds == RIGHT
        wrong = np.sum(scores[~right & ~errors.ignored] ** 2)
        unsure = np.sum((1 - scores[right]) ** 2) + np.sum(errors.unclaimed)
        return float(wrong + unsure)

    def result(self, evaluators=()):
        """The Diagnosis; COCO's numbers are taken from evaluators that have them."""
        coco = next((e for e in evaluators if _tells_classes_apart(e)), None)
        coco = coco or self._coco()
        matches = coco.matches()
        by_class, of_all = of_classes(matches)
        report = {
            "threshold": of_all and of_all._asdict(),
            "classes": self._class_rows(coco, matches, by_class),
            "sizes": self._size_rows(coco),
            "errors": costs(self._errors),
            "calibration": calibration(matches),
            "confusion": self._confusion(of_all),
            "intervals": self._intervals(matches),
        }
        return Diagnosis(report, coco.curves(), matches, self._records, self._names)

    def _coco(self):
        coco = CocoDetectionMetrics(self._label_map, self._config, agnostic=False)
        for image_id, (truth, found) in self._records.items():
            coco.add(image_id, truth._asdict(), found._asdict())
        return coco

    def _class_rows(self, coco, matches, thresholds):
        scores = coco.scores_of_classes()
        rows = []
        for of_class in matches:
            class_id = of_class.class_id
            best = thresholds[class_id]
            rows.append(
                {
                    "id": class_id,
                    "name": self._label_map.name(class_id),
                    **{k: _known(v) for k, v in scores[class_id].items()},
                    "objects": of_class.total,
                    "detections": len(of_class.scores),
                    "threshold": best and best._asdict(),
                }
            )
        return rows

    def _size_rows(self, coco):
        metrics = coco.result()
        areas = [truth.area[~truth.is_crowd] for truth, _ in self._records.values()]
        areas = np.concatenate([np.zeros(0), *areas])
        most = coco.settings()["max_detections"]
        return [
            {
                "size": name,
                "objects": int(np.sum((areas >= low) & (areas < high))),
                "AP": _known(metrics[f"DetectionBoxes_Precision/mAP ({name})"]),
                "AR": _known(metrics[f"DetectionBoxes_Recall/AR@{most} ({name})"]),
            }
            for name, low, high in _SIZES
        ]

    def _confusion(self, threshold):
        if threshold is None:
            return None
        ids = list(self._label_map.ids)
        matrix = confusion(self._records.values(), ids, threshold.score)
        names = [self._label_map.name(i) for i in ids]
        return {
            "threshold": threshold.score,
            "classes": names,
            "matrix": matrix.tolist(),
        }

    def _intervals(self, matches):
        if not self._samples or not self._records:
            return None
        copies = bootstrap.samples(len(self._records), self._samples)
        found = bootstrap.sampled(matches, copies)
        of_map = bootstrap.interval(found.mean, found.means)
        if of_map is None:
            return None
        return {
            "samples": self._samples,
            "mAP": of_map._asdict(),
            "mAP50": bootstrap.interval(found.mean50, found.means50)._asdict(),
        }


def of_known_classes(rows, label_map):
    """Objects or detections, a dict of arrays, without those of no class; no masks."""
    keep = np.isin(np.asarray(rows["classes"]) + 1, list(label_map.ids))
    names = ("boxes", "classes", "scores", "is_crowd", "difficult", "group_of", "area")
    return {
        name: np.asarray(rows[name])[keep]
        for name in names
        if rows.get(name) is not None
    }


def _tells_classes_apart(evaluator):
    return type(evaluator) is CocoDetectionMetrics and not evaluator.settings().get(
        "class_agnostic"
    )


def _known(value):
    """None where COCO's tools say -1: nothing to measure."""
    return None if value < 0 else float(value)
