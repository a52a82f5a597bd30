"""What boxes lack in overlap, with a gradient where they are apart."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core.registry import register
from od_api.protos import losses_pb2


@register(losses_pb2.WeightedGIOULocalizationLoss)
class WeightedGIOULocalizationLoss:
    """1 - GIoU of the decoded boxes, 0..2.

    GIoU = IoU - (hull - union) / hull, where hull is the area of the smallest box
    around both. Source: Rezatofighi et al., GIoU, CVPR 2019, algorithm 1.

    Attributes:
      on_boxes: takes decoded boxes instead of codes.
    """

    on_boxes = True

    def __call__(self, boxes, targets):
        """[..., 4] twice -> [...] float32; two equal boxes without area give 1."""
        boxes, targets = tf.cast(boxes, tf.float32), tf.cast(targets, tf.float32)
        overlap = geometry.intersection(boxes, targets)
        union = geometry.area(boxes) + geometry.area(targets) - overlap
        top_left = tf.minimum(boxes[..., :2], targets[..., :2])
        bottom_right = tf.maximum(boxes[..., 2:], targets[..., 2:])
        hull = geometry.area(tf.concat([top_left, bottom_right], axis=-1))
        iou = tf.math.divide_no_nan(overlap, union)
        return 1.0 - iou + tf.math.divide_no_nan(hull - union, hull)
