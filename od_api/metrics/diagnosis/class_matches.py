"""Which detections are right, class by class: once measured, often counted.

`od-api eval` asks a thousand samples of the images for their mAP. What matches what
does not depend on the sample, so that pycocotools matches once, and a sample is a
number of copies of each image.
"""

from typing import Any, NamedTuple

import numpy as np

# Of COCO's precision, as its tools have them.
_RECALLS = np.linspace(0.0, 1.0, 101)
_ABOVE = (np.arange(101) / 100 < _RECALLS).astype(int)
# Numbers of an array; more do not fit a processor's cache.
_AT_ONCE = 500_000


class ClassMatches(NamedTuple):
    """The detections of a class, best score first: [D], at T IoU thresholds.

    Attributes:
      class_id: of the label map.
      images: [D], positions of their images among the I images.
      scores: [D].
      hits: [T, D] bool, right.
      ignored: [T, D] bool, of crowds: neither right nor wrong.
      objects: [I], how many there are to find in each image, crowds not counted.
    """

    class_id: int
    images: Any
    scores: Any
    hits: Any
    ignored: Any
    objects: Any

    def at(self, threshold):
        """(scores, hits) of those that count at the IoU threshold of an index."""
        counted = ~self.ignored[threshold]
        return self.scores[counted], self.hits[threshold][counted]

    @property
    def total(self):
        """How many objects there are to find."""
        return int(np.sum(self.objects))


def of_evaluation(run):
    """[ClassMatches] of a COCOeval whose `evaluate` was called, by ascending class id.

    They are of its first area and its last number of detections.
    """
    images, areas = len(run.params.imgIds), len(run.params.areaRng)
    thresholds = len(run.params.iouThrs)
    rows = []
    for k, class_id in enumerate(run.params.catIds):
        start = k * areas * images
        of_class = run.evalImgs[start : start + images]
        rows.append(_joined(int(class_id), of_class, thresholds))
    return rows


def _joined(class_id, of_images, thresholds):
    objects = np.zeros(len(of_images), int)
    images, scores = [np.zeros(0, int)], [np.zeros(0)]
    nothing = np.zeros((thresholds, 0), bool)
    hits, ignored = [nothing], [nothing]
    for i, result in enumerate(of_images):
        if result is not None:
            objects[i] = np.sum(np.asarray(result["gtIgnore"]) == 0)
            images.append(np.full(len(result["dtScores"]), i))
            scores.append(np.asarray(result["dtScores"], float))
            ignored.append(np.asarray(result["dtIgnore"]).astype(bool))
            hits.append((np.asarray(result["dtMatches"]) > 0) & ~ignored[-1])
    images, scores = np.concatenate(images), np.concatenate(scores)
    order = np.argsort(-scores, kind="stable")
    hits, ignored = (np.concatenate(x, axis=1)[:, order] for x in (hits, ignored))
    return ClassMatches(class_id, images[order], scores[order], hits, ignored, objects)


def average_precisions(matches, copies):
    """AP of a class in samples of the images.

    Args:
      matches: ClassMatches.
      copies: [S, I] int, how often each image is in each sample.

    Returns:
      [S, T], NaN for samples without objects of the class; as COCO's tools would say
      of the sample.
    """
    at_once = max(1, _AT_ONCE // max(len(matches.images), 1))
    parts = range(0, len(copies), at_once)
    rows = [_average_precisions(matches, copies[i : i + at_once]) for i in parts]
    return np.concatenate(rows)


def _average_precisions(matches, copies):
    # Detections first, and samples second, in which everything is done at once.
    weights = copies.T[matches.images]
    seen = np.cumsum(weights, axis=0)
    objects = copies @ matches.objects
    result = [
        _area(weights, seen, objects, np.flatnonzero(hits), np.flatnonzero(ignored))
        for hits, ignored in zip(matches.hits, matches.ignored, strict=True)
    ]
    return np.where(objects > 0, np.stack(result), np.nan).T


def _area(weights, seen, objects, hits, ignored):
    """AP [S] at one threshold. Precision has its peaks at hits."""
    found = np.cumsum(weights[hits], axis=0)
    counted = seen[hits]
    if len(ignored):
        before = np.cumsum(weights[ignored], axis=0)
        before = np.pad(before, [(1, 0), (0, 0)])
        counted = counted - before[np.searchsorted(ignored, hits)]
    precision = found / np.maximum(counted, 1)
    ceiling = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    points = np.diff(_reached(found, np.maximum(objects, 1)), axis=0, prepend=0)
    return np.sum(points * ceiling, axis=0) / len(_RECALLS)


def _reached(found, objects):
    """How many points of recall `found / objects` reaches, as it rounds: [n, S].

    `np.searchsorted(_RECALLS, found / objects, "right")`, in a fraction of the time.
    """
    share = found * 100.0 / objects
    points = share.astype(int)
    exact = np.nonzero(share == points)
    points += 1
    # A few points are a rounding error above what they stand for.
    points[exact] -= _ABOVE[points[exact] - 1]
    # What no image of the sample has reaches nothing, not even a recall of 0.
    points[found == 0] = 0
    return points
