"""Anchors that fit the boxes of a data set, where the detector's own do not.

The kind of anchors stays (a head that is shared by all maps wants boxes of the same
shapes on each), and its numbers are chosen: those of a few candidates whose anchors lie
best on the boxes. Candidates are made of the boxes' sizes and shapes.
"""

import copy
import itertools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from od_api.core.registry import build_field
from od_api.data.anchor_coverage import best_overlaps

# Mean IoU with the best anchor: less gain than that is none.
LEAST_GAIN = 0.03
# As many boxes tell it; more take longer.
_LOOKED_AT = 400
_FIELDS = {"Ssd": "anchor_generator", "FasterRcnn": "first_stage_anchor_generator"}
# Strides of plain SSD's maps, of which ceil(side / stride) cells are near enough.
_FIRST_STRIDE = {"vgg16": 8}
_APART = 1.35
_SHAPES = {3: (0.5, 1.0, 2.0), 5: (0.3333, 0.5, 1.0, 2.0, 3.0)}


class Fit(NamedTuple):
    """What became of a detector's anchors.

    Attributes:
      before, after: mean IoU of the boxes with their best anchor.
      changed: whether the message was changed; else `after` is `before`.
    """

    before: float
    after: float
    changed: bool


def anchor_field(model):
    """The name of the field of a detector's message that holds its anchors."""
    return _FIELDS[model.DESCRIPTOR.name]


def fit_anchors(model, size, boxes, backbone, seed=0):
    """Chooses anchors for boxes; changes the message where that helps.

    Args:
      model: an Ssd or FasterRcnn message.
      size: (height, width) of the network's input.
      boxes: [n, 4] as shares of the image.
      backbone: name of the backbone, e.g. "vgg16".
      seed: of the boxes that are looked at, where there are many.

    Returns:
      Fit, or None of anchors that nobody knows how to fit.
    """
    field = anchor_field(model)
    slot = getattr(model, field)
    kind = slot.WhichOneof("anchor_generator_oneof")
    if kind not in _CANDIDATES or not len(boxes):
        return None
    if len(boxes) > _LOOKED_AT:
        rows = np.random.default_rng(seed).permutation(len(boxes))[:_LOOKED_AT]
        boxes = boxes[np.sort(rows)]
    pixels = np.float32(boxes) * np.float32([*size, *size])
    fits = _Overlaps(model, field, size, pixels, backbone)
    own = copy.deepcopy(slot)
    before = fits.mean(own)
    sides = np.sqrt(np.prod(pixels[:, 2:] - pixels[:, :2], axis=1))
    ratios = (pixels[:, 3] - pixels[:, 1]) / (pixels[:, 2] - pixels[:, 0])
    best, after = own, before
    for candidate in _CANDIDATES[kind](own, sides, ratios, size):
        mean = fits.mean(candidate)
        if mean > after:
            best, after = candidate, mean
    if after < before + LEAST_GAIN:
        return Fit(before, before, changed=False)
    slot.CopyFrom(best)
    return Fit(before, after, changed=True)


class _Overlaps:
    """How well anchors of a detector lie on boxes."""

    def __init__(self, model, field, size, boxes, backbone):
        self._model, self._field, self._size = copy.deepcopy(model), field, size
        self._boxes = tf.constant(boxes)
        self._inside = model.DESCRIPTOR.name == "FasterRcnn"
        self._first = _FIRST_STRIDE.get(backbone, 16)

    def mean(self, slot):
        """The mean IoU of the boxes with their best anchor of a generator's slot."""
        getattr(self._model, self._field).CopyFrom(slot)
        make = build_field(self._model, self._field)
        shapes = [
            tuple(math.ceil(side / stride) for side in self._size)
            for stride in self._strides(slot)
        ]
        anchors = make(shapes, self._size).boxes
        if self._inside:  # others take no part in training
            limit = tf.constant([*self._size, *self._size], tf.float32)
            kept = tf.reduce_all((anchors >= 0.0) & (anchors <= limit), axis=-1)
            anchors = tf.boolean_mask(anchors, kept)
        return float(tf.reduce_mean(best_overlaps(self._boxes, anchors)))

    def _strides(self, slot):
        kind = slot.WhichOneof("anchor_generator_oneof")
        message = getattr(slot, kind)
        if kind == "multiscale_anchor_generator":
            return [2**n for n in range(message.min_level, message.max_level + 1)]
        if kind == "grid_anchor_generator":
            return [message.height_stride]
        return [self._first * 2**n for n in range(message.num_layers)]


def _shapes_of(ratios, count):
    """[(sorted aspect ratios)]: the usual ones, and those of the boxes themselves."""
    cuts = np.quantile(np.log(ratios), (np.arange(count) + 0.5) / count)
    # Nearly the same shape twice would be of no use.
    away = np.arange(count) - count // 2
    least = cuts[count // 2] + away * math.log(_APART)
    cuts = np.where(away < 0, np.minimum(cuts, least), np.maximum(cuts, least))
    own = tuple(round(float(r), 3) for r in np.exp(cuts))
    return list(dict.fromkeys((_SHAPES[count], own)))


def _multiscale(slot, sides, ratios, size):
    """Candidates of another size on every map, in cells."""
    del sides, size
    for scale, shapes in itertools.product(
        (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0), _shapes_of(ratios, 3)
    ):
        made = copy.deepcopy(slot)
        made.multiscale_anchor_generator.anchor_scale = scale
        made.multiscale_anchor_generator.aspect_ratios[:] = shapes
        yield made


def _ssd(slot, sides, ratios, size):
    """Candidates of other sizes from the finest map to the coarsest."""
    shares = sides / min(size)
    lows = _spread(shares, (0.02, 0.1, 0.25), 0.02, 0.5)
    highs = _spread(shares, (0.75, 0.9, 0.98), 0.2, 0.95)
    for low, high, shapes in itertools.product(lows, highs, _shapes_of(ratios, 5)):
        high = max(high, min(2.0 * low, 0.95))
        made = copy.deepcopy(slot)
        message = made.ssd_anchor_generator
        steps = np.geomspace(low, high, message.num_layers)
        message.scales[:] = [round(float(s), 4) for s in steps]
        message.ClearField("min_scale")
        message.ClearField("max_scale")
        message.aspect_ratios[:] = shapes
        message.reduce_boxes_in_lowest_layer = False
        yield made


def _grid(slot, sides, ratios, size):
    """Candidates of other sizes on the one map; they are in parts of 256 pixels."""
    del size
    count = max(len(slot.grid_anchor_generator.scales), 4)
    lows = _spread(sides / 256, (0.02, 0.1, 0.25), 0.03, 2.0)
    highs = _spread(sides / 256, (0.75, 0.9, 0.98), 0.06, 4.0)
    for low, high, shapes in itertools.product(lows, highs, _shapes_of(ratios, 3)):
        made = copy.deepcopy(slot)
        steps = np.geomspace(low, max(high, 2.0 * low), count)
        made.grid_anchor_generator.scales[:] = [round(float(s), 4) for s in steps]
        made.grid_anchor_generator.aspect_ratios[:] = shapes
        yield made


def _spread(values, shares, low, high):
    """Quantiles, within bounds, each once."""
    found = np.clip(np.quantile(values, shares), low, high)
    return list(dict.fromkeys(round(float(v), 4) for v in found))


_CANDIDATES = {
    "multiscale_anchor_generator": _multiscale,
    "ssd_anchor_generator": _ssd,
    "grid_anchor_generator": _grid,
}
