"""Overlap, and the distance between the centres."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.WeightedDiouLocalizationLoss)
class WeightedDiouLocalizationLoss:
    """1 - DIoU of the decoded boxes, 0..2.

    DIoU = IoU - d^2 / c^2: d is the distance of the centres, c the diagonal of the
    smallest box around both. Unlike GIoU it still tells boxes apart that lie inside
    each other. Source: Zheng et al., Distance-IoU, AAAI 2020, equations 5 to 7.

    Attributes:
      on_boxes: takes decoded boxes instead of codes.
    """

    on_boxes = True

    def __call__(self, boxes, targets):
        """[..., 4] twice -> [...] float32; two equal boxes without area give 1."""
        boxes, targets = tf.cast(boxes, tf.float32), tf.cast(targets, tf.float32)
        center = (boxes[..., :2] + boxes[..., 2:]) / 2
        target_center = (targets[..., :2] + targets[..., 2:]) / 2
        distance = tf.reduce_sum((center - target_center) ** 2, axis=-1)
        low = tf.minimum(boxes[..., :2], targets[..., :2])
        high = tf.maximum(boxes[..., 2:], targets[..., 2:])
        diagonal = tf.reduce_sum((high - low) ** 2, axis=-1)
        overlap = geometry.iou(boxes, targets)
        return 1.0 - overlap + tf.math.divide_no_nan(distance, diagonal)
