"""How well the anchors of a config cover the boxes of its records."""

import json
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.errors import UserError
from od_api.core.registry import build_field
from od_api.data.batch_fields import targets_of
from od_api.data.seen_boxes import priors_of, seen_batches

# {name: lower limit of the side} as COCO has them, of a square of the same area.
SIZES = {"small": 0.0, "medium": 32.0, "large": 96.0}


class Covered(NamedTuple):
    """What was found of the boxes of one size.

    Attributes:
      size: "all", or one of SIZES.
      boxes: how many.
      mean: the mean of the IoU with each box's best anchor; NaN without boxes.
      shares: {threshold: share of the boxes whose best anchor is above it}.
    """

    size: str
    boxes: int
    mean: float
    shares: dict


def best_overlaps(boxes, anchors):
    """[G, 4], [A, 4] -> [G] float32 the IoU of each box with its best anchor, or 0."""
    overlaps = box_ops.pairwise(box_ops.iou, boxes, anchors)
    # The maximum of nothing is the least of all numbers.
    return tf.maximum(tf.reduce_max(overlaps, axis=1), 0.0)


def anchor_coverage(boxes, anchors, thresholds):
    """The share of boxes [G, 4] whose best of the anchors [A, 4] is above thresholds.

    Returns:
      [len(thresholds)] float32.
    """
    best = best_overlaps(boxes, anchors)
    above = best[:, None] > tf.constant(thresholds, tf.float32)
    return tf.reduce_mean(tf.cast(above, tf.float32), axis=0)


def coverage_of(config, *, thresholds=(0.5, 0.7), reader=None, max_images=None):
    """The coverage of a config's records, as its detector sees them.

    Images are resized and not augmented. Anchors that take no part in training, because
    they cross the border, cover nothing. Ignored boxes do not count.

    Args:
      config: TrainEvalPipelineConfig.
      thresholds: of the IoU.
      reader: None for the training records, else the position of an eval_input_reader.
      max_images: as many are looked at; None for all.

    Returns:
      [Covered] of all boxes, then of each of SIZES, in pixels of the network's input.

    Raises:
      ConfigError: what is wrong with the config.
      UserError: a model without anchors, or records that cannot be read.
    """
    for limit in thresholds:
        if not 0.0 <= limit <= 1.0:
            raise UserError(f"an IoU of {limit:g} is none; it is from 0 to 1")
    detector = build_field(config, "model")
    anchors_of = _AnchorsByShape(detector)
    sides, best = [np.zeros(0)], [np.zeros(0)]
    for batch in seen_batches(config, detector, reader, max_images):
        boxes = tf.boolean_mask(batch["boxes"], targets_of(batch).objects)
        anchors = anchors_of(batch["image"].shape, batch["true_shape"])
        sides.append(np.sqrt(box_ops.area(boxes)))
        best.append(best_overlaps(boxes, anchors).numpy())
    return _by_size(np.concatenate(sides), np.concatenate(best), thresholds)


class _AnchorsByShape:
    """The anchors of images of a shape, that take part in training."""

    def __init__(self, detector):
        self._detector = detector
        self._known = {}

    def __call__(self, shape, true_shapes):
        """Static shape [1, H, W, 3], [1, 2] -> [A, 4]."""
        key = tuple(shape)
        if key not in self._known:
            found = priors_of(self._detector, shape, true_shapes)
            valid = tf.broadcast_to(found.valid, tf.shape(found.boxes)[:-1])
            self._known[key] = tf.boolean_mask(found.boxes, valid)
        return self._known[key]


def _by_size(sides, best, thresholds):
    lower = list(SIZES.values())
    upper = [*lower[1:], np.inf]
    chosen = {"all": sides >= 0.0} | {
        name: (sides >= low) & (sides < high)
        for name, low, high in zip(SIZES, lower, upper, strict=True)
    }
    return [_covered(n, best[rows], thresholds) for n, rows in chosen.items()]


def _covered(size, best, thresholds):
    # The mean of nothing is a warning.
    mean = best.mean() if len(best) else np.nan
    shares = {t: (best > t).mean() if len(best) else np.nan for t in thresholds}
    return Covered(
        size, len(best), float(mean), {t: float(x) for t, x in shares.items()}
    )


def as_text(rows):
    """[Covered] as a table for people."""
    thresholds = list(rows[0].shares)
    lines = [["size", "boxes", "mean best IoU", *(f"above {t:g}" for t in thresholds)]]
    for row in rows:
        numbers = [f"{row.mean:.3f}", *(f"{x:.1%}" for x in row.shares.values())]
        if not row.boxes:
            numbers = ["-"] * len(numbers)
        lines.append([row.size, str(row.boxes), *numbers])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True))
        for line in lines
    )


def as_json(rows):
    """[Covered] for programs; null where there are no boxes."""
    found = {
        row.size: {
            "boxes": row.boxes,
            "mean": row.mean if row.boxes else None,
            "shares": {
                f"{t:g}": share if row.boxes else None
                for t, share in row.shares.items()
            },
        }
        for row in rows
    }
    return json.dumps(found, indent=1)
