"""Greedy suppression spelt out in NumPy, to compare with."""

import numpy as np


def iou(a, b):
    """IoU of two boxes in float32, operation by operation as TensorFlow has it."""
    a, b = np.float32(a), np.float32(b)
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inter = np.prod(np.maximum(high - low, np.float32(0)))
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return inter / (areas[0] + areas[1] - inter) if min(areas) > 0 else np.float32(0)


def suppress(boxes, scores, *, threshold, iou_threshold, limit, sigma=0.0):
    """[(index, score)] of one class, best first; equal scores by index."""
    scores, kept = scores.astype(np.float32).copy(), []
    while len(kept) < limit:
        alive = np.where(scores > threshold)[0]
        if not len(alive):
            break
        pick = alive[np.argmax(scores[alive])]
        kept.append((int(pick), float(scores[pick])))
        for i in alive:
            overlap = iou(boxes[pick], boxes[i])
            if sigma > 0:
                scores[i] *= np.exp(np.float32(-0.5 / sigma) * overlap * overlap)
            elif overlap > iou_threshold:
                scores[i] = -np.inf
        scores[pick] = -np.inf
    return kept


def select(boxes, scores, window=None, *, total, per_class, agnostic=False, **settings):
    """[(box, score, class, index)] of one image, at most `total`, best first."""
    if agnostic:
        best, limit = scores.max(-1), total
        kept = suppress(boxes, best, limit=limit, **settings)
        found = [(i, s, int(scores[i].argmax())) for i, s in kept]
    else:
        found = []
        for k in range(scores.shape[-1]):
            kept = suppress(boxes, scores[:, k], limit=per_class, **settings)
            found += [(i, s, k) for i, s in kept]
    rows = []
    for i, score, k in sorted(found, key=lambda row: -row[1]):
        box = boxes[i].copy()
        if window is not None:
            box = np.clip(box, np.tile(window[:2], 2), np.tile(window[2:], 2))
        if (box[2] - box[0]) * (box[3] - box[1]) > 0:
            rows.append((box, score, k, i))
    return rows[:total]
