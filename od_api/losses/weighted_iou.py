"""What boxes lack in overlap."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.WeightedIOULocalizationLoss)
class WeightedIOULocalizationLoss:
    """1 - IoU of the decoded boxes, 0..1.

    The gradient is 0 where the boxes are apart; `weighted_giou` has one there.

    Attributes:
      on_boxes: takes decoded boxes instead of codes.
    """

    on_boxes = True

    def __call__(self, boxes, targets):
        """[..., 4] twice -> [...] float32."""
        boxes, targets = tf.cast(boxes, tf.float32), tf.cast(targets, tf.float32)
        return 1.0 - geometry.iou(boxes, targets)
