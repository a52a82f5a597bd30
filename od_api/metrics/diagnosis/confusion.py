"""What objects of a class were taken for, at IoU .5 and one threshold of scores.

Detections first claim objects of their own class, as for average precision, so that
the diagonal has the true positives of it. What is left claims objects of other classes
that are left, the pairs of greatest overlap first. Then, detections without an object
are of the background, unless they lie in a crowd of their class, and so are objects
without a detection.
"""

import numpy as np

from od_api.metrics.diagnosis.detection_errors import FOREGROUND_IOU, errors_of_image
from od_api.metrics.image_records import iou


def confusion(records, class_ids, threshold):
    """[K + 1, K + 1] int: rows what is there, columns what was found; last background.

    Args:
      records: iterable of (GroundTruth, Found), all of these classes.
      class_ids: K ids of the label map.
      threshold: detections of a lower score are left out.
    """
    position = {class_id - 1: k for k, class_id in enumerate(class_ids)}
    size = len(class_ids) + 1
    matrix = np.zeros((size, size), int)
    for truth, found in records:
        found = found.rows(found.scores >= threshold)
        for there, said in _pairs(truth, found):
            row = position.get(there, size - 1)
            matrix[row, position.get(said, size - 1)] += 1
    return matrix


def _pairs(truth, found):
    """Yields (class of an object, class of a detection), None for background."""
    errors = errors_of_image(truth, found, most=len(found.scores))
    for claim, class_index in zip(errors.claims, errors.classes, strict=True):
        if claim >= 0:
            yield int(truth.classes[claim]), int(class_index)
    free = np.flatnonzero((errors.claims < 0) & ~errors.ignored)
    detections = found.rows(errors.order[free])
    objects = truth.rows(errors.object_index[errors.unclaimed])
    taken_rows, taken_columns = set(), set()
    for i, j in _best_first(detections, objects):
        if i not in taken_rows and j not in taken_columns:
            taken_rows.add(i)
            taken_columns.add(j)
            yield int(objects.classes[j]), int(detections.classes[i])
    for i, class_index in enumerate(detections.classes):
        if i not in taken_rows:
            yield None, int(class_index)
    for j, class_index in enumerate(objects.classes):
        if j not in taken_columns:
            yield int(class_index), None


def _best_first(detections, objects):
    overlap = iou(*(b.boxes.astype(np.float64) for b in (detections, objects)))
    rows, columns = np.nonzero(overlap >= FOREGROUND_IOU)
    order = np.argsort(-overlap[rows, columns], kind="stable")
    return zip(rows[order].tolist(), columns[order].tolist(), strict=True)


def most_frequent(matrix, limit):
    """[(row, column, count)] off the diagonal and the background, most first."""
    inner = matrix[:-1, :-1] * ~np.eye(len(matrix) - 1, dtype=bool)
    order = np.argsort(-inner, axis=None, kind="stable")[:limit]
    rows, columns = np.unravel_index(order, inner.shape)
    found = [
        (int(r), int(c), int(inner[r, c])) for r, c in zip(rows, columns, strict=True)
    ]
    return [entry for entry in found if entry[2]]
