"""Limits of the predicted box codes."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import box_predictor_pb2


@register(box_predictor_pb2.ConvolutionalBoxPredictor.BoxEncodingsClipRange)
@register(box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.BoxEncodingsClipRange)
class BoxEncodingsClipRange:
    """Clips box codes to `min`..`max`, so that decoding them cannot overflow.

    Args:
      min: lower limit of every number of a code.
      max: upper limit; at least `min`.
    """

    def __init__(self, *, min=0.0, max=0.0):
        ranges.ordered("min", min, "max", max)
        self.min = min
        self.max = max

    def __call__(self, box_codes):
        """[..., code size] -> the same shape, clipped."""
        return tf.clip_by_value(box_codes, self.min, self.max)
