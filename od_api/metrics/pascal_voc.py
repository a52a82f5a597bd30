"""Pascal VOC detection metrics, under the names that the old API gave them.

AP is the area under the precision-recall curve at IoU .5, precision made
non-increasing first (Pascal VOC 2010 and later; not the 11 points of 2007). Objects
marked difficult neither count nor make their detections false. A class without ground
truth has AP NaN and is left out of the mean.
"""

import numpy as np

from od_api.metrics.image_records import ImageRecords, iou


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
    """

    iou_threshold = 0.5
    needs_masks = False

    def __init__(
        self,
        label_map,
        eval_config=None,
        *,
        key="pascal_voc_detection_metrics",
        prefix="PascalBoxes",
        weighted=False,
        recall_bounds=(0.0, 1.0),
    ):
        self.key = key
        self._label_map = label_map
        self._prefix = prefix
        self._weighted = weighted
        self._bounds = recall_bounds
        self._records = ImageRecords()
        self._curves = None

    def add(self, image_id, groundtruth, detections):
        """One image; boxes in its own pixels, classes 0-based (see records.py)."""
        if self._records.put(image_id, groundtruth, detections):
            self._curves = None

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
                "groundtruth": total,
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
                hit = hits[order]
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
        """{class id: (scores [n], hits [n] bool, number of objects that count)}."""
        if self._curves is None:
            self._curves = {i: self._label_class(i - 1) for i in self._label_map.ids}
        return self._curves

    def _pooled(self):
        """Scores, hits and number of objects of all classes that have objects."""
        classes = [c for c in self._labelled().values() if c[2]]
        scores = np.concatenate([np.zeros(0), *(c[0] for c in classes)])
        hits = np.concatenate([np.zeros(0, bool), *(c[1] for c in classes)])
        return scores, hits, sum(c[2] for c in classes)

    def _label_class(self, class_index):
        scores, hits, total = [], [], 0
        for truth, found in self._records.values():
            is_class = truth.classes == class_index
            is_region = is_class & truth.is_crowd & truth.difficult
            is_class &= ~is_region
            difficult = truth.difficult[is_class]
            total += int(np.sum(~difficult))
            ymin, xmin, ymax, xmax = found.boxes.T
            chosen = (found.classes == class_index) & (ymax > ymin) & (xmax > xmin)
            chosen = np.flatnonzero(chosen)
            chosen = chosen[np.argsort(-found.scores[chosen], kind="stable")]
            counts, hit = match(
                found.boxes[chosen],
                truth.boxes[is_class],
                difficult,
                self.iou_threshold,
            )
            regions = truth.boxes[is_region]
            counts &= hit | ~mostly_in(found.boxes[chosen], regions, self.iou_threshold)
            scores.append(found.scores[chosen][counts])
            hits.append(hit[counts])
        if not scores:
            return np.zeros(0), np.zeros(0, bool), 0
        return np.concatenate(scores), np.concatenate(hits), total


def match(boxes, objects, difficult, threshold):
    """Which detections of one class in one image are right.

    Each detection answers for the object it overlaps most; the first one to reach the
    threshold is right, later ones are wrong even where another object would do.

    Args:
      boxes: [n, 4], best score first.
      objects: [m, 4].
      difficult: [m] bool.
      threshold: the IoU that is enough.

    Returns:
      counts [n] bool, False for detections of difficult objects; hits [n] bool.
    """
    counts, hits = np.ones(len(boxes), bool), np.zeros(len(boxes), bool)
    if not len(objects):
        return counts, hits
    overlap = iou(boxes.astype(np.float64), objects.astype(np.float64))
    taken = np.zeros(len(objects), bool)
    for i, j in enumerate(np.argmax(overlap, axis=1)):
        if overlap[i, j] < threshold:
            continue
        if difficult[j]:
            counts[i] = False
        elif not taken[j]:
            hits[i] = taken[j] = True
    return counts, hits


def mostly_in(boxes, regions, threshold):
    """[n, 4], [m, 4] -> [n] bool: some region holds so much of a box's own area."""
    boxes, regions = (b.astype(np.float64) for b in (boxes, regions))
    low = np.maximum(boxes[:, None, :2], regions[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inside = np.prod(np.maximum(high - low, 0.0), axis=-1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1)
    return (inside >= threshold * area[:, None]).any(axis=1)


def precision_recall(scores, hits, total):
    """The curve, a point a detection, best score first, equal scores in order.

    Returns:
      recall [n], precision [n], and the order [n] of the detections.
    """
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hits[order])
    return true / total, true / np.arange(1, len(order) + 1), order


def average_precision(recall, precision):
    """Area under the curve with each precision raised to the best one right of it."""
    if not len(recall):
        return 0.0
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * ceiling))
