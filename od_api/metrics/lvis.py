"""LVIS metrics of masks and of boxes (Gupta et al., CVPR 2019), by LVIS's own names.

COCO's average precision on data in which not every class is known of every image. An
image counts in the classes of its objects and in those that it certainly lacks
(neg_category_ids); detections of others are left out. Where not every object of a class
has been marked (not_exhaustive_category_ids), detections that match none are neither
right nor wrong. The best 300 detections of an image count, of whatever class. Crowds
are objects as any other; what has no area, such as an empty mask, does not count. A
metric without anything to measure is -1.
"""

import numpy as np
from pycocotools.cocoeval import COCOeval

from od_api.core.warn_once import warn_once
from od_api.metrics.coco import CocoDetectionMetrics, mean_of_known
from od_api.metrics.coco_mask import CocoMaskMetrics
from od_api.protos import string_int_label_map_pb2

_MOST = 300
# Positions in COCOeval's arrays.
_IOU = {"AP": slice(None), "AP50": slice(0, 1), "AP75": slice(5, 6)}
_AREAS = {"s": 1, "m": 2, "l": 3}
_FREQUENCIES = {"r": "RARE", "c": "COMMON", "f": "FREQUENT"}


class _Federated:
    """What LVIS does otherwise than COCO; stands before one of COCO's evaluators.

    Args: as CocoDetectionMetrics; `frequency` of the label map's items says which
      classes are rare, common and frequent. `max_detections`, `class_agnostic` and
      `use_fast_coco_eval` do not count.
    """

    def __init__(self, label_map, eval_config=None):
        super().__init__(label_map, eval_config, fast=False, agnostic=False, most=_MOST)
        self._frequencies = _frequencies(label_map)
        if not any(self._frequencies):
            warn_once(
                f"{self.key}: the label map gives no class a frequency, so APr, APc "
                "and APf are -1: add `frequency: RARE`, COMMON or FREQUENT to its items"
            )

    @property
    def main_metric(self):
        return f"{self.prefix}_AP"

    def _metrics(self, classes=slice(None)):
        """LVIS's thirteen numbers, over all classes or over some."""
        metrics = {
            name: self._average_precision(iou, classes=classes)
            for name, iou in _IOU.items()
        }
        for letter, area in _AREAS.items():
            metrics[f"AP{letter}"] = self._average_precision(area=area, classes=classes)
        for letter, frequency in _FREQUENCIES.items():
            chosen = np.arange(len(self._frequencies))[classes]
            chosen = [i for i in chosen if self._frequencies[i] == frequency]
            metrics[f"AP{letter}"] = self._average_precision(classes=chosen)
        recall = self._arrays()["recall"][:, classes]
        for letter, area in {"": 0, **_AREAS}.items():
            metrics[f"AR{letter}@{_MOST}"] = mean_of_known(recall[:, :, area, -1])
        return metrics

    def _limits(self):
        return [_MOST]

    def _tools(self):
        dataset, _ = super()._tools()
        return dataset, self._evaluation

    def _evaluation(self, truth, found, iou_type):
        run = _FederatedEval(truth, found, iou_type)
        run.not_exhaustive = {
            image_id: set(objects.known.not_exhaustive + 1)
            for image_id, (objects, _) in self._records.items()
        }
        return run

    def _truth(self, image_id, groundtruth):
        none = np.zeros_like(groundtruth.is_crowd)
        groundtruth = groundtruth._replace(is_crowd=none)
        return _with_area(super()._truth(image_id, groundtruth))

    def _found(self, image_id, detections):
        best = np.argsort(-detections.scores, kind="stable")[:_MOST]
        detections = detections.rows(best)
        truth, _ = self._records[image_id]
        known = np.union1d(truth.classes[truth.area > 0], truth.known.negative)
        known = np.isin(detections.classes, known)
        return _with_area(super()._found(image_id, detections.rows(known)))


class LvisMaskMetrics(_Federated, CocoMaskMetrics):
    """Collects images whose objects have masks; see the module."""

    key = "lvis_mask_metrics"


class LvisDetectionMetrics(_Federated, CocoDetectionMetrics):
    """Collects images; objects overlap where their boxes do; see the module."""

    key = "lvis_detection_metrics"


class _FederatedEval(COCOeval):
    """pycocotools' evaluation; `not_exhaustive` is {image id: set of class ids}."""

    def evaluateImg(self, imgId, catId, aRng, maxDet):
        """As COCOeval; what matches nothing is ignored in classes not exhaustive."""
        result = super().evaluateImg(imgId, catId, aRng, maxDet)
        if result is not None and catId in self.not_exhaustive[imgId]:
            result["dtIgnore"] = (result["dtIgnore"] != 0) | (result["dtMatches"] == 0)
        return result


def _with_area(annotations):
    return [row for row in annotations if row["area"] > 0]


def _frequencies(label_map):
    """The frequency's name of each class of a label map, None where there is none."""
    name = string_int_label_map_pb2.LVISFrequency.Name
    given = [label_map.item(i).frequency for i in label_map.ids]
    return [name(frequency) if frequency else None for frequency in given]
