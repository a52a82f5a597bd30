"""How well predicted boxes lie on objects."""

import tensorflow as tf

from od_api.core import boxes as geometry


def predicted_overlaps(predictions, targets):
    """The IoU of every predicted box with every object.

    Args:
      predictions: Predictions; of boxes by class that of the object's class counts.
      targets: Targets.

    Returns:
      [B, G, A] float32, -1 in padding and ignored boxes, without a gradient.
    """
    boxes = predictions.boxes
    if boxes.shape[2] != 1:
        boxes = tf.gather(boxes, targets.classes, axis=2, batch_dims=1)
    boxes = tf.transpose(boxes, [0, 2, 1, 3])
    overlaps = geometry.iou(targets.boxes[:, :, None], boxes)
    return tf.stop_gradient(tf.where(targets.objects[..., None], overlaps, -1.0))
