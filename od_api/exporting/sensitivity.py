"""Which layers lose most in int8: `od-api export --sensitivity`."""

import itertools
import math
import shlex

import numpy as np
from absl import logging

from od_api.core.errors import UserError
from od_api.metrics.image_records import iou
from od_api.system.terminal import tracked

# With which layers are measured: the first of those of the calibration.
IMAGES = 16
# Of the layers so many are named as those to keep in float32.
_WORST_SHARE = 0.1
# Less is rounding.
_LEAST = 1e-6


class Sensitivity:
    """What detections lose with each layer of a network in int8, all others in float32.

    Attributes:
      lost: {layer: as `lost` has it}, the worst first; empty before `measure`.
    """

    def __init__(self):
        self.lost = {}

    def measure(self, layers, images, whole, alone):
        """Measures, and says what it found.

        Args:
          layers: names.
          images: iterable of uint8 [1, h, w, 3]; the first IMAGES are taken.
          whole: the network in float32: images -> {output name: array}.
          alone: layer's name -> the same with that layer in int8.

        Raises:
          UserError: the network finds nothing in the images, or no boxes at all.
        """
        images = first(images)
        want = [_found(whole(image)) for image in images]
        if not any(scores.sum() for _, scores, _ in want):
            raise UserError(
                "--sensitivity: the checkpoint finds nothing in the images of the "
                "train_input_reader: train it first, or leave the option out"
            )
        losses = {}
        for layer in tracked(layers, "measuring layers in int8"):
            run = alone(layer)
            found = [_found(run(image)) for image in images]
            losses[layer] = lost(list(zip(want, found, strict=True)))
        self.lost = dict(sorted(losses.items(), key=lambda item: -item[1]))
        self._say(len(images))

    def _say(self, number):
        logging.info(
            "what the detections of %d images lose with a layer in int8 (0..1):", number
        )
        for layer, value in self.lost.items():
            logging.info("  %.5f  %s", value, layer)
        worst = self.worst()
        if not worst:
            logging.info("no layer loses anything")
            return
        logging.info(
            "to keep the worst in float32: --float-layers %s", shlex.join(worst)
        )

    def worst(self):
        """Names of a tenth of the layers, one or more, of those that lose anything."""
        number = math.ceil(_WORST_SHARE * len(self.lost))
        losing = [layer for layer, value in self.lost.items() if value > _LEAST]
        return losing[:number]


def first(images):
    """The list of those that layers are measured with."""
    return list(itertools.islice(images, IMAGES))


def lost(pairs):
    """What detections lose: 0 where they are the same, 1 where nothing is left.

    1 - 2 sum(min(s, t) IoU) / (sum(s) + sum(t)): s and t are the scores of detections
    before and after, the first sum is over pairs of one class, the best first, each
    detection once. What is missing, moved, less sure or new counts by its score: Dice's
    coefficient of the two, with boxes. A measure of our own.

    Args:
      pairs: [(before, after)] of images, each (boxes [N, 4], scores [N], classes [N]).
    """
    shared = sum(_shared(*pair) for pair in pairs)
    total = sum(scores.sum() for pair in pairs for _, scores, _ in pair)
    return max(0.0, float(1 - 2 * shared / total)) if total else 0.0


def _shared(before, after):
    """Sum of the lower score times IoU over the pairs of an image."""
    boxes, scores, classes = before
    others, other_scores, other_classes = after
    values = iou(boxes, others) * np.minimum(scores[:, None], other_scores)
    values *= classes[:, None] == other_classes
    total = 0.0
    while values.size and (best := values.max()) > 0:
        row, column = np.unravel_index(values.argmax(), values.shape)
        values[row] = values[:, column] = 0
        total += best
    return total


def _found(outputs):
    """(boxes, scores, classes) of the one image that outputs are of, in float64."""
    if "detection_boxes" not in outputs:
        raise UserError(
            "--sensitivity measures what detections lose, and this model finds no "
            "boxes: leave it out"
        )
    count = int(outputs["num_detections"][0])
    names = ("detection_boxes", "detection_scores", "detection_classes")
    return tuple(np.array(outputs[n][0][:count], np.float64) for n in names)
