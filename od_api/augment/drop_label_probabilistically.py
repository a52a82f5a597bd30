"""Fewer boxes of one class."""

import tensorflow as tf

from od_api.augment import _random as random
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.sample import keep_boxes
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.DropLabelProbabilistically)
class DropLabelProbabilistically:
    """Drops each box of one class, with all its fields, with a probability.

    Args:
      label: id of the class as in the label map, from 1.
      drop_probability: 0 to 1.
    """

    def __init__(self, *, label=0, drop_probability=1.0):
        ranges.at_least("label", label, 1, ranges.MOST_CLASSES)
        ranges.probability("drop_probability", drop_probability)
        self._class = label - 1
        self._probability = drop_probability

    def __call__(self, sample, seed):
        classes = sample["classes"]
        drawn = random.uniform(seed, shape=tf.shape(classes)) < self._probability
        return keep_boxes(sample, (classes != self._class) | ~drawn)
