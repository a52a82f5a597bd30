"""A place in a graph where other engines put their own non-maximum suppression.

Inside of `engine_operators()` greedy suppression by IoU is one operation, OPERATION.
TensorFlow can run it, too, as a call back into Python, which no SavedModel keeps.
"""

import tensorflow as tf

from od_api.layers.engine_operators import is_wanted as is_wanted  # for suppressions
from od_api.layers.nms_kernel import NmsKernel

OPERATION = "PyFunc"


def left_after_nms(boxes, scores, iou_threshold, limit, floor):
    """The scores of the boxes that greedy suppression keeps, -inf for the others.

    Boxes are visited best score first, equal scores in the order of the input; a kept
    one removes those of a larger IoU.

    Args:
      boxes: [..., M, 4]; a leading axis of 1 stands for all of the scores' axis.
      scores: [..., M].
      iou_threshold: a box is removed by a kept one of a larger IoU.
      limit: how many are kept at most.
      floor: scalar; only scores above it count.

    Returns:
      float32 of the shape of `scores`.
    """
    low, high = boxes[..., :2], boxes[..., 2:]
    boxes = tf.concat([low, tf.maximum(low, high)], axis=-1)
    shape = tf.shape(scores)
    count, size = shape[-1], scores.shape[-1]
    shared = scores.shape.rank > 1 and boxes.shape[-3] == 1 != scores.shape[-2]
    classes = shape[-2] if shared else 1
    # As ONNX and OpenVINO have it: lists of boxes, and classes that share each list.
    boxes = tf.reshape(boxes, [-1, count, 4])
    flat = tf.reshape(scores, [-1, classes, count])
    left = tf.numpy_function(
        _by_kernel,
        [
            boxes,
            flat,
            tf.constant(limit, tf.int64),
            tf.constant(iou_threshold, tf.float32),
            tf.cast(floor, tf.float32),
        ],
        tf.float32,
    )
    left = tf.ensure_shape(tf.reshape(left, shape), [*scores.shape[:-1], size])
    return left


def _by_kernel(boxes, scores, limit, iou_threshold, floor):
    """The same by TensorFlow's kernel: [B, M, 4], [B, K, M] -> [B, K, M]."""
    kernel = NmsKernel(iou_threshold)
    rows, values = kernel(boxes[:, None], tf.constant(scores), int(limit), floor)
    real = tf.where(values > float("-inf"))
    places = tf.concat(
        [real[:, :2], tf.cast(tf.gather_nd(rows, real), tf.int64)[:, None]], axis=-1
    )
    left = tf.fill(scores.shape, float("-inf"))
    return tf.tensor_scatter_nd_update(left, places, tf.gather_nd(values, real)).numpy()
