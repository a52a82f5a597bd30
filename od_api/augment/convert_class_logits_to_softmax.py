"""Logits of a teacher made probabilities."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2


@register(preprocessor_pb2.ConvertClassLogitsToSoftmax)
class ConvertClassLogitsToSoftmax:
    """`multiclass_scores` [G, K] / temperature through softmax, where there are any.

    Args:
      temperature: above 0; larger ones give more even probabilities.
    """

    def __init__(self, *, temperature=1.0):
        ranges.above("temperature", temperature)
        self._temperature = temperature

    def __call__(self, sample, seed):
        if "multiclass_scores" not in sample:
            return dict(sample)
        logits = sample["multiclass_scores"] / self._temperature
        return {**sample, "multiclass_scores": tf.nn.softmax(logits)}
