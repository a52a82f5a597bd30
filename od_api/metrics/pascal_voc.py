"""Pascal VOC metrics of boxes and of masks, under the names that the old API gave them.

AP is the area under the precision-recall curve at IoU .5, precision made
non-increasing first (Pascal VOC 2010 and later; not the 11 points of 2007). Objects
marked difficult neither count nor make their detections false. A class without ground
truth has AP NaN and is left out of the mean.
"""

import numpy as np

from od_api.metrics.image_records import ImageRecords, refuse_without_masks
from od_api.metrics.labelling import Rule


class PascalVocMetrics:
    """Collects images, then computes AP at one IoU.

    Args:
      label_map: has `ids` (1-based, gaps allowed) and `name(id)`.
      eval_config: EvalConfig or None; only `precision_at_recall_...` reads it.
      key: the name of this set in eval_config.metrics_set.
      prefix: of the metric names.
      weighted: the mean is the AP of all classes' detections in one list, which counts
        frequent classes more, instead of the mean over classes.
      recall_bounds: (lowest, highest) recall of the points of the curve that count.
      of_masks: objects overlap where their masks do, and not their boxes; images have
        masks, then.
    """

    iou_threshold = 0.5

    def __init__(
        self,
        label_map,
        eval_config=None,
        *,
        key="pascal_voc_detection_metrics",
        prefix="PascalBoxes",
        weighted=False,
        recall_bounds=(0.0, 1.0),
        of_masks=False,
    ):
        self.key = key
        self._label_map = label_map
        self._prefix = prefix
        self._weighted = weighted
        self._bounds = recall_bounds
        self._rule = Rule(of_masks=of_masks, threshold=self.iou_threshold)
        self._records = ImageRecords()
        self._curves = None

    def add(self, image_id, groundtruth, detections):
        """One image; boxes in its own pixels, classes 0-based (image_records.py).

        Raises:
          ValueError: masks are measured, and are missing or of different sizes.
        """
        if self.needs_masks:
            refuse_without_masks(image_id, groundtruth, detections)
        if self._records.put(image_id, groundtruth, detections):
            self._curves = None

    @property
    def needs_masks(self):
        return self._rule.of_masks

    @property
    def num_images(self):
        return len(self._records)

    @property
    def main_metric(self):
        name = f"{self._prefix}_Precision/mAP@{self.iou_threshold}IOU"
        low, high = self._bounds
        return name if (low, high) == (0, 1) else f"{name}@[{low:.1f},{high:.1f}]Recall"

    def settings(self):
        """What the numbers depend on, for the report."""
        return {
            "iou": self.iou_threshold,
            "average": "all points, weighted" if self._weighted else "all points",
            "recall_bounds": list(self._bounds),
        }

    def result(self):
        """{metric name: float}, NaN for classes without ground truth."""
        rows = self.per_class()
        if self._weighted:
            mean = self._average_precision(*self._pooled())
        else:
            values = [row["AP"] for row in rows if not np.isnan(row["AP"])]
            mean = np.mean(values) if values else np.nan
        names = f"{self._prefix}_PerformanceByCategory/AP@{self.iou_threshold}IOU/"
        return {
            self.main_metric: float(mean),
            **{names + row["name"]: row["AP"] for row in rows},
        }

    def per_class(self):
        """A list of {id, name, groundtruth (difficult not counted), detections, AP}.

        Detections of difficult objects are not counted either.
        """
        return [
            {
                "id": class_id,
                "name": self._label_map.name(class_id),
                "groundtruth": round(total),
                "detections": len(scores),
                "AP": self._average_precision(scores, hits, total),
            }
            for class_id, (scores, hits, total) in self._labelled().items()
        ]

    def curves(self):
        """{class name: {recall, precision, scores}}, lists, a point for each hit.

        Classes without ground truth are left out.
        """
        curves = {}
        for class_id, (scores, hits, total) in self._labelled().items():
            if total:
                recall, precision, order = precision_recall(scores, hits, total)
                hit = hits[order] > 0
                curves[self._label_map.name(class_id)] = {
                    "recall": recall[hit].tolist(),
                    "precision": precision[hit].tolist(),
                    "scores": scores[order][hit].tolist(),
                }
        return curves

    def _average_precision(self, scores, hits, total):
        if not total:
            return float("nan")
        recall, precision, _ = precision_recall(scores, hits, total)
        low, high = self._bounds
        inside = (recall >= low) & (recall <= high)
        return average_precision(recall[inside], precision[inside])

    def _labelled(self):
        """{class id: (scores [n], hits [n], number of objects that count)}."""
        if self._curves is None:
            parts = {i: [] for i in self._label_map.ids}
            for truth, found in self._records.values():
                for index in np.union1d(truth.classes, found.classes):
                    if index + 1 in parts:
                        of_class = self._label_image(
                            truth.rows(truth.classes == index), _of_class(found, index)
                        )
                        parts[index + 1].append(of_class)
            self._curves = {i: _joined(images) for i, images in parts.items()}
        return self._curves

    def _pooled(self):
        """Scores, hits and number of objects of all classes that have objects."""
        classes = [c for c in self._labelled().values() if c[2]]
        scores = np.concatenate([np.zeros(0), *(c[0] for c in classes)])
        hits = np.concatenate([np.zeros(0), *(c[1] for c in classes)])
        return scores, hits, sum(c[2] for c in classes)

    def _label_image(self, truth, found):
        """`Rule.label` of one class and image; crowds that are difficult are regions.

        Detections that lie mostly in one do not count.
        """
        regions = truth.is_crowd & truth.difficult
        return self._rule.label(found, truth, truth.difficult, regions)


def _joined(images):
    """[(scores, hits, number of objects)] of images as one."""
    scores, hits, totals = zip(*images, strict=True) if images else ((), (), ())
    nothing = np.zeros(0)
    joined = (np.concatenate([nothing, *rows]) for rows in (scores, hits))
    return *joined, sum(totals)


def _of_class(found, class_index):
    """The detections of a class that have an area, best score first."""
    ymin, xmin, ymax, xmax = found.boxes.T
    chosen = (found.classes == class_index) & (ymax > ymin) & (xmax > xmin)
    chosen = np.flatnonzero(chosen)
    return found.rows(chosen[np.argsort(-found.scores[chosen], kind="stable")])


def precision_recall(scores, hits, total):
    """The curve, a point a detection, best score first, equal scores in order.

    Args:
      scores: [n].
      hits: [n], 0 for a detection that is wrong.
      total: how much there is to find, above 0.

    Returns:
      recall [n], precision [n], and the order [n] of the detections.
    """
    order = np.argsort(-scores, kind="stable")
    true, false = np.cumsum(hits[order]), np.cumsum(hits[order] <= 0)
    return true / total, true / (true + false), order


def average_precision(recall, precision):
    """Area under the curve with each precision raised to the best one right of it."""
    if not len(recall):
        return 0.0
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * ceiling))
