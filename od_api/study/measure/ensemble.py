"""Ensembles of a study's models: diverse members, merged by non-max suppression.

As in the study's entry to the COCO 2016 challenge, members are chosen greedily by their
accuracy on held-out images, and one that is too similar to a member is passed over:
similar means that the vectors of the two models' APs of the classes point the same way
(cosine). The study merged proposals and averaged scores inside the networks; what is
here works on any detectors' results: all members' boxes are put together, and
suppressed class by class.

Members are chosen by one half of the images and measured on the other, so that the
ensemble does not profit from having been chosen by the images that it is measured on.
"""

from typing import NamedTuple

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.study.analyses.fits import cosine
from od_api.suppressions.greedy_nms import GreedyNms
from od_api.system.json_files import read_json

# Of non-max suppression, as everywhere in the study (its section on postprocessing).
IOU_THRESHOLD = 0.6
# What reading JSON of another form raises.
_WRONG_FORM = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
# COCO's metrics look at no more.
MAX_DETECTIONS = 100


class EnsembleOptions(NamedTuple):
    """How members are chosen.

    Attributes:
      similarity: cosine above which two models are alike, 0..1. The study does not
        say what it took; APs are all positive, hence so near 1.
      members: at most so many; the study's entry had five.
    """

    similarity: float = 0.99
    members: int = 5


class Candidate(NamedTuple):
    """A model that may become a member.

    Attributes:
      name: of its cell.
      map: held-out mAP.
      per_class: AP of each class, the same classes in all candidates; None or NaN
        where a class could not be measured.
    """

    name: str
    map: float
    per_class: list


def select(candidates, options=None):
    """The members, best first.

    Greedy: candidates in the order of their mAP, passing over those that are more
    similar to a member than `options.similarity`, until there are `options.members`.

    Raises:
      UserError: options that cannot be.
    """
    options = options or EnsembleOptions()
    if not 0 < options.similarity <= 1 or options.members < 1:
        raise UserError(
            "the similarity of an ensemble's members must be within 0..1 and their "
            f"number at least 1, but they are {options.similarity} and "
            f"{options.members}"
        )
    chosen = []
    for candidate in sorted(candidates, key=lambda c: (-c.map, c.name)):
        alike = [similarity(candidate, member) for member in chosen]
        if len(chosen) < options.members and max(alike, default=0) <= (
            options.similarity
        ):
            chosen.append(candidate)
    return chosen


def similarity(one, other):
    """Cosine of two candidates' APs over the classes that both have, 0..1."""
    pairs = [
        (x, y)
        for x, y in zip(one.per_class, other.per_class, strict=True)
        if _is_known(x) and _is_known(y)
    ]
    return cosine(*zip(*pairs, strict=True)) if pairs else 0.0


def _is_known(value):
    return value is not None and value == value and value >= 0


def merge(results, *, iou_threshold=IOU_THRESHOLD, max_detections=MAX_DETECTIONS):
    """Detections of several models (or crops) on one image as one set.

    Greedy non-max suppression of each class by itself.

    Args:
      results: list of dicts of `boxes` [n, 4], `scores` [n], `classes` [n].
      iou_threshold: a box that overlaps a better one of its class more is dropped.
      max_detections: the best that are kept.

    Returns:
      Such a dict, by falling score.
    """
    together = {
        key: np.concatenate([np.asarray(r[key]) for r in results])
        for key in ("boxes", "scores", "classes")
    }
    kept = np.zeros(len(together["scores"]), bool)
    suppression = GreedyNms(iou_threshold=iou_threshold, inclusive=False)
    for class_id in np.unique(together["classes"]):
        of_class = np.flatnonzero(together["classes"] == class_id)
        boxes, scores = (together[key][of_class] for key in ("boxes", "scores"))
        found = suppression.suppress(boxes, scores, {}, max_detections, -np.inf)
        kept[of_class[found.rows.numpy()[np.isfinite(found.scores)]]] = True
    order = np.argsort(-together["scores"], kind="stable")
    best = order[kept[order]][:max_detections]
    return {key: value[best] for key, value in together.items()}


class GroundTruth:
    """A COCO annotation file, and evaluation of detections on some of its images.

    Args:
      path: a COCO data set as JSON.

    Raises:
      UserError: it is not there or is none.
    """

    def __init__(self, path):
        data = read_json(path, "COCO annotation file")
        try:
            self.images = [image["id"] for image in data["images"]]
            self.names = {c["id"]: c["name"] for c in data["categories"]}
            objects = {i: [] for i in self.images}
            for annotation in data["annotations"]:
                objects[annotation["image_id"]].append(annotation)
            self._truths = {i: _truth(rows) for i, rows in objects.items()}
        except _WRONG_FORM as error:
            raise UserError(
                f"{printable(path)} is no COCO annotation file: {error!r}"
            ) from None
        self.ids = sorted(self.names)

    def name(self, class_id):
        """The class's name: with `ids`, what evaluators ask of a label map."""
        return self.names[class_id]

    def evaluate(self, detections, images):
        """The CocoDetectionMetrics of {image id: detections} over some images."""
        metrics = CocoDetectionMetrics(self)
        for image in images:
            metrics.add(image, self._truths[image], detections.get(image, _NOTHING))
        return metrics


def _truth(rows):
    """What evaluators take of one image's annotations."""
    return {
        "boxes": corners([a["bbox"] for a in rows]),
        "classes": np.array([a["category_id"] - 1 for a in rows], int),
        # As a number: some tools write "0".
        "is_crowd": np.array([int(a.get("iscrowd", 0)) for a in rows], bool),
        "area": np.array([a.get("area", 0) for a in rows], np.float32),
    }


def load_detections(path):
    """{image id: {"boxes", "scores", "classes" (0-based)}} of COCO results.

    Raises:
      UserError: it is not a list of COCO results.
    """
    by_image = {}
    try:
        for row in read_json(path, "list of COCO results"):
            by_image.setdefault(row["image_id"], []).append(row)
        return {image: as_arrays(rows) for image, rows in by_image.items()}
    except _WRONG_FORM as error:
        raise UserError(
            f"{printable(path)} is no list of COCO results: {error!r}"
        ) from None


def as_arrays(rows):
    """COCO results of one image as arrays."""
    return {
        "boxes": corners([r["bbox"] for r in rows]),
        "scores": np.array([r["score"] for r in rows], np.float32),
        "classes": np.array([r["category_id"] - 1 for r in rows], int),
    }


def corners(boxes):
    """COCO's [x, y, width, height] to float32 [n, 4] of [ymin, xmin, ymax, xmax]."""
    x, y, width, height = np.array(boxes, np.float32).reshape(-1, 4).T
    return np.stack([y, x, y + height, x + width], axis=1)


_NOTHING = as_arrays([])
