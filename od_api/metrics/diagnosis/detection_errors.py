"""Kinds of errors, and what each costs (TIDE: Bolya et al., ECCV 2020).

Detections of an image claim objects of their class, best score first: each the one that
it overlaps most among those that are left, from an IoU of .5 on. What claims none lies
in a crowd of its class and does not count, or is an error, the first of these that
holds, by its overlap with all objects, claimed or not:

  localisation    IoU .1 to .5 with one of its class
  classification  IoU .5 or more with one of another class
  duplicate       IoU .5 or more with a claimed one of its class
  background      IoU .1 or less with every one
  both            the rest: another class, and not well placed

An object that none claims and no error of the first two kinds is about is missed.

The cost of a kind (dAP) is what AP at IoU .5 would gain without its errors: one of the
first two kinds would be right if its object is free, and the best one about it; other
errors would not be there, nor would missed objects. Rules at the edges are those of
the authors' program, tidecv 1.0.1: which of `<` and `<=` holds, the mean over all
classes that have objects or detections, the order of equal scores, and detections in
crowds, which have a kind although they do not count.
"""

from typing import Any, NamedTuple

import numpy as np

from od_api.metrics.image_records import iou
from od_api.metrics.overlaps import OF_BOXES

RIGHT = -1
KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
CLASSIFICATION, LOCALISATION, BOTH, DUPLICATE, BACKGROUND, MISSED = range(len(KINDS))
FOREGROUND_IOU, BACKGROUND_IOU = 0.5, 0.1
# So many detections of an image are looked at, the best ones of all classes together.
MOST = 100
_RECALLS = np.arange(101) / 100


class ImageErrors(NamedTuple):
    """The detections of an image, best score first, [n], and its objects [g].

    Crowds are not among the objects.

    Attributes:
      order: the detections' indices.
      scores, classes: theirs.
      kinds: RIGHT, or a position in KINDS.
      ignored: lies in a crowd, and counts neither as right nor as wrong.
      claims: index of the object that it claims; -1 for none.
      cured_class: that it would be right in without its error; -1 for none.
      object_index, object_classes: of the objects.
      unclaimed: objects that no detection claims.
      missed: those that no error of classification or localisation is about.
    """

    order: Any
    scores: Any
    classes: Any
    kinds: Any
    ignored: Any
    claims: Any
    cured_class: Any
    object_index: Any
    object_classes: Any
    unclaimed: Any
    missed: Any


def errors_of_image(truth, found, most=MOST):
    """The ImageErrors of a GroundTruth and a Found."""
    order = np.argsort(-found.scores, kind="stable")[:most]
    found = found.rows(order)
    single = np.flatnonzero(~truth.is_crowd)
    objects, crowds = truth.rows(single), truth.rows(truth.is_crowd)
    overlap = iou(*(b.boxes.astype(np.float64) for b in (found, objects)))
    alike = found.classes[:, None] == objects.classes[None]
    claims = _claims(overlap * alike)
    claimed = np.isin(np.arange(len(single)), claims)
    kinds, about = _kinds(overlap, alike, claims, claimed)
    cured, usable = _cured(about, claimed)
    return ImageErrors(
        order=order,
        scores=found.scores,
        classes=found.classes,
        kinds=kinds,
        ignored=(claims < 0) & _in_crowd(found, crowds),
        claims=np.where(claims < 0, -1, np.append(single, -1)[claims]),
        cured_class=np.where(cured, np.append(objects.classes, -1)[about], -1),
        object_index=single,
        object_classes=objects.classes,
        unclaimed=~claimed,
        missed=~claimed & ~usable,
    )


def _claims(overlap):
    """[n, g] of equal classes -> [n], the object that each claims, -1 for none."""
    left, claims = overlap.copy(), np.full(len(overlap), -1)
    for i in np.flatnonzero(overlap.max(axis=1, initial=0) >= FOREGROUND_IOU):
        best = np.argmax(left[i])
        if left[i, best] >= FOREGROUND_IOU:
            claims[i] = best
            left[:, best] = 0
    return claims


def _in_crowd(found, crowds):
    share = OF_BOXES.share(found, crowds)
    alike = found.classes[:, None] == crowds.classes[None]
    return np.any((share > FOREGROUND_IOU) & alike, axis=1)


def _kinds(overlap, alike, claims, claimed):
    """(kinds [n], [n] index of the object that a curable error is about, else -1)."""
    best, other, used, any_class = (
        masked.max(axis=1, initial=0)
        for masked in (overlap * alike, overlap * ~alike, overlap * alike * claimed,
                       overlap)
    )  # fmt: skip
    rules = [
        (claims >= 0, RIGHT),
        # Without objects, an overlap of 0 is none.
        (np.full(len(claims), not alike.shape[1]), BACKGROUND),
        ((best >= BACKGROUND_IOU) & (best <= FOREGROUND_IOU), LOCALISATION),
        (other >= FOREGROUND_IOU, CLASSIFICATION),
        (used >= FOREGROUND_IOU, DUPLICATE),
        (any_class <= BACKGROUND_IOU, BACKGROUND),
    ]
    kinds = np.select(*zip(*rules, strict=True), BOTH)
    about = np.full(len(kinds), -1)
    for kind, of in ((LOCALISATION, alike), (CLASSIFICATION, ~alike)):
        rows = kinds == kind
        if rows.any():
            about[rows] = np.argmax((overlap * of)[rows], axis=1)
    return kinds, about


def _cured(about, claimed):
    """([n] whether it would be right, [g] whether an error is about the object)."""
    cured, usable = np.zeros(len(about), bool), np.zeros(len(claimed), bool)
    for i in np.flatnonzero(about >= 0):
        if not claimed[about[i]] and not usable[about[i]]:
            cured[i] = usable[about[i]] = True
    return cured, usable


def costs(images):
    """What errors cost, over a list of ImageErrors.

    Returns:
      {"AP50": float, "errors": {kind: {"count": int, "dAP": float}}, "false_positives":
      float, "false_negatives": float}, the last two as dAP: of all wrong detections
      below all right ones, and of no object unfound. All within 0..1; None without any
      object or detection.
    """
    pooled = _Pooled(images)
    base = pooled.average_precision(None)
    if base is None:
        return None
    errors = {}
    for kind, name in enumerate(KINDS):
        cured = pooled.average_precision(kind)
        # Without anything left to measure nothing is gained.
        gain = 0.0 if cured is None else max(cured - base, 0.0)
        errors[name] = {"count": pooled.count(kind), "dAP": gain}
    return {
        "AP50": base,
        "errors": errors,
        "false_positives": pooled.without_false_positives() - base,
        "false_negatives": (pooled.without_false_negatives() or 0.0) - base,
    }


class _Pooled:
    """The detections and objects of all images."""

    def __init__(self, images):
        def joined(name):
            return np.concatenate(
                [np.zeros(0, int), *(getattr(i, name) for i in images)]
            )

        self._scores, self._kinds = joined("scores"), joined("kinds").astype(int)
        self._classes = joined("classes").astype(int)
        self._ignored = joined("ignored").astype(bool)
        self._cured = joined("cured_class").astype(int)
        self._objects = joined("object_classes").astype(int)
        self._unclaimed = joined("unclaimed").astype(bool)
        self._missed = joined("missed").astype(bool)
        # Among equal scores tidecv has wrong detections first, if any are cured.
        wrong = self._kinds != RIGHT
        self._wrong_first = np.argsort(~wrong, kind="stable")

    def count(self, kind):
        if kind == MISSED:
            return int(np.sum(self._missed))
        return int(np.sum(self._kinds == kind))

    def average_precision(self, cured_kind):
        """With the errors of a kind cured; None cures none."""
        classes, keep = self._classes.copy(), ~self._ignored
        right = self._kinds == RIGHT
        objects, order = self._objects, None
        if cured_kind is not None:
            order = self._wrong_first
            chosen = self._kinds == cured_kind
            keep = np.where(chosen, self._cured >= 0, keep)
            right = right | (chosen & keep)
            classes = np.where(chosen & keep, self._cured, classes)
        if cured_kind == MISSED:
            objects = objects[~self._missed]
        return _mean_ap(classes, self._scores, right, objects, keep, order)

    def without_false_positives(self):
        right = self._kinds == RIGHT
        return _mean_ap(
            *(self._classes, right.astype(float), right, self._objects),
            *(~self._ignored, self._wrong_first),
        )

    def without_false_negatives(self):
        right = self._kinds == RIGHT
        objects = self._objects[~self._unclaimed]
        return _mean_ap(
            *(self._classes, self._scores, right, objects),
            *(~self._ignored, self._wrong_first),
        )


def _mean_ap(classes, scores, right, objects, keep, order=None):
    """Mean AP of the classes with objects or detections; None if there is no class."""
    order = np.arange(len(classes)) if order is None else order
    order = order[keep[order]]
    order = order[np.argsort(-scores[order], kind="stable")]
    classes, right = classes[order], right[order]
    known = np.union1d(classes, objects)
    values = [_ap(right[classes == c], np.sum(objects == c)) for c in known]
    return float(np.mean(values)) if values else None


def _ap(right, total):
    """AP of 101 points; `right` [n] bool, best score first."""
    if not total or not len(right):
        return 0.0
    true = np.cumsum(right)
    precision = true / np.arange(1, len(right) + 1)
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(true / total, _RECALLS, side="left")
    return float(np.sum(np.append(ceiling, 0.0)[at])) / len(_RECALLS)
