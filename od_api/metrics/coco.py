"""COCO detection metrics, under the names that the old API gave them.

AP is averaged over IoU thresholds .50, .55, ... .95, 101 recall points and classes
(Lin et al. 2014); crowds are matched and then left out, as the COCO tools do it.
A metric without anything to measure is -1.
"""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from od_api.core.errors import UserError
from od_api.metrics.diagnosis import class_matches
from od_api.metrics.image_records import ImageRecords
from od_api.metrics.unlabelled_classes import of_labelled_classes
from od_api.protos import eval_pb2

# Positions in the arrays of COCOeval: IoU thresholds, areas, numbers of detections.
_IOU = {"": slice(None), "@.50IOU": slice(0, 1), "@.75IOU": slice(5, 6)}
_AREAS = {"": 0, " (small)": 1, " (medium)": 2, " (large)": 3}
# The two lesser numbers of detections that recall is measured with.
_FEW = (1, 10)


class CocoDetectionMetrics:
    """Collects images, then measures them with pycocotools.

    Args:
      label_map: has `ids` (1-based, gaps allowed) and `name(id)`.
      eval_config: EvalConfig; `include_metrics_per_category`,
        `all_metrics_per_category`, `super_categories`, `use_fast_coco_eval`,
        `max_detections`, `class_agnostic`, `skip_predictions_for_unlabeled_class` and
        `image_classes_field_map_empty_to_ones` count.
      fast: measure with faster-coco-eval, which gives the same numbers sooner.
      agnostic: take all classes for one.
      most: so many detections of a class and image are looked at.
      The last three are by default as the config says.
    """

    key = "coco_detection_metrics"
    prefix = "DetectionBoxes"
    iou_type = "bbox"
    needs_masks = False

    def __init__(
        self, label_map, eval_config=None, *, fast=None, agnostic=None, most=None
    ):
        self._settings = eval_config or eval_pb2.EvalConfig()
        given = self._settings.class_agnostic
        self._agnostic = given if agnostic is None else agnostic
        self._label_map = _OneClass() if self._agnostic else label_map
        self._most = self._settings.max_detections if most is None else most
        self._fast = self._settings.use_fast_coco_eval if fast is None else fast
        self._records = ImageRecords()
        self._evaluated = None

    def add(self, image_id, groundtruth, detections):
        """One image; boxes in its own pixels, classes 0-based (see records.py)."""
        if self._settings.skip_predictions_for_unlabeled_class:
            all_where_none = self._settings.image_classes_field_map_empty_to_ones
            detections = of_labelled_classes(groundtruth, detections, all_where_none)
        if self._agnostic:
            groundtruth, detections = map(_of_one_class, (groundtruth, detections))
        if self._records.put(image_id, groundtruth, detections):
            self._evaluated = None

    @property
    def main_metric(self):
        return f"{self.prefix}_Precision/mAP"

    @property
    def num_images(self):
        return len(self._records)

    def settings(self):
        """What the numbers depend on, for the report."""
        tool = "faster-coco-eval" if self._fast else "pycocotools"
        settings = {"tool": tool, "iou": "0.50:0.05:0.95", "max_detections": self._most}
        if self._settings.skip_predictions_for_unlabeled_class:
            settings["classes"] = "labelled"
        return settings | ({"class_agnostic": True} if self._agnostic else {})

    def result(self):
        """{metric name: float}."""
        metrics = {f"{self.prefix}_{k}": v for k, v in self._metrics().items()}
        settings = self._settings
        if settings.all_metrics_per_category:
            for i, class_id in enumerate(self._label_map.ids):
                name = self._label_map.name(class_id)
                of_class = self._metrics([i]).items()
                metrics |= {
                    f"{self.prefix}_{k} ByCategory/{name}": v for k, v in of_class
                }
        if settings.include_metrics_per_category or settings.all_metrics_per_category:
            metrics |= {
                f"{self.prefix}_PerformanceByCategory/mAP/{row['name']}": row["AP"]
                for row in self.per_class()
            }
            metrics |= self._by_super_category()
        return metrics

    def per_class(self):
        """A list of {id, name, groundtruth (crowds not counted), detections, AP}."""
        truth, found = np.zeros(0, int), np.zeros(0, int)
        if self._records:
            truth = np.concatenate(
                [g.classes[~g.is_crowd] for g, _ in self._records.values()]
            )
            found = np.concatenate([d.classes for _, d in self._records.values()])
        return [
            {
                "id": class_id,
                "name": self._label_map.name(class_id),
                "groundtruth": int(np.sum(truth == class_id - 1)),
                "detections": int(np.sum(found == class_id - 1)),
                "AP": self._average_precision(classes=[i]),
            }
            for i, class_id in enumerate(self._label_map.ids)
        ]

    def scores_of_classes(self):
        """{class id: {"AP", "AP50", "AR"}}, -1 where there is nothing to measure."""
        rows = {}
        for i, class_id in enumerate(self._label_map.ids):
            recall = self._arrays()["recall"][:, i, 0, -1]
            rows[class_id] = {
                "AP": self._average_precision(classes=[i]),
                "AP50": self._average_precision(_IOU["@.50IOU"], classes=[i]),
                "AR": mean_of_known(recall),
            }
        return rows

    def matches(self):
        """[ClassMatches] of objects of all sizes; by pycocotools, however `fast`."""
        if not self._fast:
            return class_matches.of_evaluation(self._done())
        with contextlib.redirect_stdout(io.StringIO()):
            run = self._run(COCO, COCOeval)
            run.params.maxDets = [self._most]
            run.params.areaRng = run.params.areaRng[:1]
            run.params.areaRngLbl = run.params.areaRngLbl[:1]
            run.evaluate()
        return class_matches.of_evaluation(run)

    def curves(self):
        """{class name: {recall, precision, scores}}, lists, at IoU .5.

        Classes without ground truth are left out.
        """
        recall = np.linspace(0.0, 1.0, 101)
        curves = {}
        for i, class_id in enumerate(self._label_map.ids):
            precision = self._arrays()["precision"][0, :, i, 0, -1]
            if precision[0] > -1:
                scores = self._arrays()["scores"][0, :, i, 0, -1]
                curves[self._label_map.name(class_id)] = {
                    "recall": recall.tolist(),
                    "precision": precision.tolist(),
                    "scores": scores.tolist(),
                }
        return curves

    def _metrics(self, classes=slice(None)):
        """The twelve COCO numbers, over all classes or over some."""
        metrics = {
            f"Precision/mAP{name}": self._average_precision(iou, classes=classes)
            for name, iou in _IOU.items()
        }
        for name, area in list(_AREAS.items())[1:]:
            metrics[f"Precision/mAP{name}"] = self._average_precision(
                area=area, classes=classes
            )
        recall = self._arrays()["recall"][:, classes]
        for i, limit in enumerate(self._limits()):
            metrics[f"Recall/AR@{limit}"] = mean_of_known(recall[:, :, 0, i])
        for name, area in list(_AREAS.items())[1:]:
            metrics[f"Recall/AR@{self._most}{name}"] = mean_of_known(
                recall[:, :, area, -1]
            )
        return metrics

    def _limits(self):
        return [*(few for few in _FEW if few < self._most), self._most]

    def _average_precision(self, iou=slice(None), area=0, classes=slice(None)):
        return mean_of_known(self._arrays()["precision"][iou][:, :, classes, area, -1])

    def _by_super_category(self):
        """Mean AP of the classes of each super-category that have ground truth."""
        by_name = {row["name"]: row["AP"] for row in self.per_class()}
        metrics = {}
        for name, members in self._settings.super_categories.items():
            members = [m.strip() for m in members.split(",")]
            values = np.array([by_name[m] for m in members if m in by_name])
            key = f"{self.prefix}_PerformanceBySuperCategory/{name}"
            metrics[key] = mean_of_known(values)
        return metrics

    def _arrays(self):
        """COCOeval's `precision` [T, R, K, areas, limits], `scores`, and `recall`."""
        return self._done().eval

    def _done(self):
        """The COCOeval of the images so far."""
        if self._evaluated is None:
            self._evaluated = self._evaluate()
        return self._evaluated

    def _evaluate(self):
        with contextlib.redirect_stdout(io.StringIO()):
            run = self._run(*self._tools())
            run.params.maxDets = self._limits()
            run.evaluate()
            run.accumulate()
        return run

    def _run(self, dataset, evaluation):
        """An evaluation of all images that was not started."""
        truth, found = dataset(), dataset()
        truth.dataset, found.dataset = self._datasets()
        truth.createIndex()
        found.createIndex()
        return evaluation(truth, found, self.iou_type)

    def _tools(self):
        """The classes of a data set and of an evaluation."""
        return _fast_classes() if self._fast else (COCO, COCOeval)

    def _datasets(self):
        """Ground truth and detections as COCO JSON would have them."""
        ids = self._label_map.ids
        common = {
            "images": [self._image(i, *rows) for i, rows in self._records.items()],
            "categories": [{"id": i, "name": self._label_map.name(i)} for i in ids],
        }
        truth, found = [], []
        for image_id, (groundtruth, detections) in self._records.items():
            truth += self._truth(image_id, groundtruth)
            found += self._found(image_id, detections)
        return ({**common, "annotations": _numbered(x)} for x in (truth, found))

    def _image(self, image_id, groundtruth, detections):
        return {"id": image_id}

    def _truth(self, image_id, groundtruth):
        """COCO annotations of an image's objects."""
        rows = zip(
            groundtruth.classes + 1,
            _corner_and_size(groundtruth.boxes),
            groundtruth.area,
            groundtruth.is_crowd,
            strict=True,
        )
        return [_annotation(image_id, *row) for row in rows]

    def _found(self, image_id, detections):
        """COCO results of an image's detections."""
        boxes = _corner_and_size(detections.boxes)
        rows = zip(
            detections.classes + 1, boxes, boxes[:, 2] * boxes[:, 3], strict=True
        )
        return [
            {**_annotation(image_id, *row, False), "score": float(score)}
            for row, score in zip(rows, detections.scores, strict=True)
        ]


class _OneClass:
    """The label map of a data set in which all objects are alike."""

    ids = (1,)

    def name(self, class_id):
        return "object"


def _of_one_class(rows):
    return {**rows, "classes": np.zeros_like(rows["classes"])}


def _annotation(image_id, class_id, box, area, crowd):
    return {
        "image_id": image_id,
        "category_id": int(class_id),
        "bbox": box.tolist(),
        "area": float(area),
        "iscrowd": int(crowd),
    }


def _numbered(annotations):
    """With ids from 1: COCO's matching takes id 0 for "not matched"."""
    for i, annotation in enumerate(annotations, start=1):
        annotation["id"] = i
    return annotations


def _corner_and_size(boxes):
    """[n, 4] -> float64 [n, 4] of [xmin, ymin, width, height]."""
    corner, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([corner[:, ::-1], size[:, ::-1]], axis=1).astype(np.float64)


def mean_of_known(values):
    """Mean of what could be measured; -1 if nothing could."""
    values = values[values > -1]
    return float(np.mean(values)) if values.size else -1.0


def _fast_classes():
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise UserError(
            "eval_config.use_fast_coco_eval needs faster-coco-eval: "
            "pip install 'od-api[fast-eval]'"
        ) from error
    return COCO, COCOeval_faster
