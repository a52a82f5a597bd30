"""The score from which on detections are worth showing: where F1 is greatest.

F1 is 2 TP / (detections + objects), the harmonic mean of precision and recall, at IoU
.5. It counts a false alarm like a missed object; who does not wants another threshold,
and finds it on the precision-recall curve.
"""

from typing import NamedTuple

import numpy as np


class Threshold(NamedTuple):
    """What is true of the detections whose score is `score` or more."""

    score: float
    f1: float
    precision: float
    recall: float


def best_threshold(scores, hits, total):
    """The Threshold of greatest F1, the highest one of several.

    Args:
      scores: [n].
      hits: [n] bool.
      total: number of objects.

    Returns:
      None without objects, or if no detection is right.
    """
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(hits[order])
    if not total or not len(found) or not found[-1]:
        return None
    # Of equal scores all are shown, or none.
    last = np.append(scores[1:] < scores[:-1], True)
    f1 = np.where(last, 2 * found / (np.arange(1, len(found) + 1) + total), -1.0)
    best = int(np.argmax(f1))
    return Threshold(
        float(scores[best]),
        float(f1[best]),
        float(found[best] / (best + 1)),
        float(found[best] / total),
    )


def of_classes(matches):
    """({class id: Threshold or None}, that of all classes together).

    Args:
      matches: list of ClassMatches.
    """
    by_class = {m.class_id: best_threshold(*m.at(0), m.total) for m in matches}
    pooled = [m.at(0) for m in matches]
    scores = np.concatenate([np.zeros(0), *(s for s, _ in pooled)])
    hits = np.concatenate([np.zeros(0, bool), *(h for _, h in pooled)])
    return by_class, best_threshold(scores, hits, sum(m.total for m in matches))
