"""Calibration by a scaled and shifted sigmoid (Platt scaling)."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import calibration_pb2


@register(calibration_pb2.SigmoidCalibration)
class SigmoidCalibration:
    """1 / (1 + exp(a x + b)) of every output of the score converter (Platt 1999).

    Platt's x is a logit: set `score_converter: IDENTITY` to have it so.

    Args:
      a: negative for a rising function; -1 is the plain sigmoid.
      b: shift.
    """

    on_logits = False

    def __init__(self, *, a=-1.0, b=0.0):
        self._a, self._b = ranges.finite("a", a), ranges.finite("b", b)

    @classmethod
    def from_proto(cls, message, **_):
        return cls(a=message.sigmoid_parameters.a, b=message.sigmoid_parameters.b)

    def __call__(self, scores):
        """[...] -> [...] float32."""
        return tf.sigmoid(-(self._a * scores + self._b))
