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
        overlap = geometry.iou(boxes, targets)
        return 1.0 - overlap + geometry.center_distance(boxes, targets)
