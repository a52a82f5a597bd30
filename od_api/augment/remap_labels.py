"""Several classes made one."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.RemapLabels)
class RemapLabels:
    """Gives the boxes of some classes another class; no other field changes.

    Args:
      original_labels: ids of the label map, from 1.
      new_label: id of the label map, from 1.
    """

    def __init__(self, *, original_labels=(), new_label=0):
        # Ids of the label map.
        ranges.at_least("new_label", new_label, 1, ranges.MOST_CLASSES)
        ranges.at_least("original_labels", original_labels, 1, ranges.MOST_CLASSES)
        self._classes = [label - 1 for label in original_labels]
        self._new_class = new_label - 1

    def __call__(self, sample, seed):
        classes = sample["classes"]
        old = tf.constant(self._classes, classes.dtype)
        hit = tf.reduce_any(classes[:, None] == old, axis=-1)
        return {**sample, "classes": tf.where(hit, self._new_class, classes)}
