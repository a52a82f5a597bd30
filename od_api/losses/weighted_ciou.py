"""Overlap, the distance between the centres, and the aspect ratio."""

import math

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.WeightedCiouLocalizationLoss)
class WeightedCiouLocalizationLoss:
    """1 - CIoU of the decoded boxes, 0..3.

    CIoU = DIoU - alpha v: v in 0..1 is the squared difference of the angles whose
    tangents are width / height, in squares of pi / 2, and alpha = v / (1 - IoU + v)
    passes no gradient. Source: Zheng et al., Distance-IoU, AAAI 2020, equations 8 to
    11.

    Args:
      aspect_min_iou: IoU below which alpha is 0, 0..1; the authors' later version has
        .5 (Zheng et al., arXiv 2005.03572).

    Attributes:
      on_boxes: takes decoded boxes instead of codes.
    """

    on_boxes = True

    def __init__(self, *, aspect_min_iou=0.0):
        self.aspect_min_iou = ranges.probability("aspect_min_iou", aspect_min_iou)

    def __call__(self, boxes, targets):
        """[..., 4] twice -> [...] float32; two equal boxes without area give 1."""
        boxes, targets = tf.cast(boxes, tf.float32), tf.cast(targets, tf.float32)
        apart = 1.0 - geometry.iou(boxes, targets)
        v = ((_angle(targets) - _angle(boxes)) / (math.pi / 2)) ** 2
        alpha = tf.stop_gradient(tf.math.divide_no_nan(v, apart + v))
        alpha = tf.where(apart <= 1.0 - self.aspect_min_iou, alpha, 0.0)
        return apart + geometry.center_distance(boxes, targets) + alpha * v


def _angle(boxes):
    """[..., 4] -> [...] arctan(width / height), 0..pi / 2; 0 of a point."""
    _, _, height, width = geometry.center_size(boxes)
    height, width = tf.maximum(height, 0.0), tf.maximum(width, 0.0)
    # At a point the angle has no gradient, which would be 0 / 0.
    return tf.atan2(width, tf.where((height > 0.0) | (width > 0.0), height, 1.0))
