"""TensorFlow's kernel of non-maximum suppression, for any leading axes."""

import tensorflow as tf


class NmsKernel:
    """Greedy suppression one class after the other: the fastest form on a CPU.

    Boxes are visited best score first, equal scores in the order of the input. XLA and
    other engines have no such kernel.

    Args:
      iou_threshold: a box is removed by a kept one of a larger IoU.
      soft_nms_sigma: above 0 nothing is removed; each kept box multiplies the scores of
        the others by exp(-IoU^2 / (2 soft_nms_sigma)).
    """

    def __init__(self, iou_threshold, soft_nms_sigma=0.0):
        self.iou_threshold = iou_threshold
        self.soft_nms_sigma = soft_nms_sigma

    def __call__(self, boxes, scores, limit, floor):
        """The rows and scores of the boxes that are kept.

        Args:
          boxes: [..., M, 4]; a leading axis of 1 stands for all of the scores' axis.
          scores: [..., M].
          limit: how many are kept at most.
          floor: scalar; only scores above it count.

        Returns:
          [..., limit] int32 rows, 0 where there is none; [..., limit] float32 scores,
          -inf where there is none.
        """
        boxes, scores = tf.cast(boxes, tf.float32), tf.cast(scores, tf.float32)
        # The kernel turns boxes of negative extent around; everywhere else they, like
        # those without area, overlap nothing.
        low, high = boxes[..., :2], boxes[..., 2:]
        boxes = tf.concat([low, tf.maximum(low, high)], axis=-1)
        return self._of_rows(boxes, scores, limit, floor)

    def _of_rows(self, boxes, scores, limit, floor):
        if scores.shape.rank == 1:
            return self._one(boxes, scores, limit, floor)
        count = scores.shape[0]
        if count is None or count == 0:
            return self._unknown(boxes, scores, limit, floor)
        boxes = tf.unstack(boxes)
        boxes = boxes * count if len(boxes) == 1 else boxes
        found = [
            self._of_rows(own, column, limit, floor)
            for own, column in zip(boxes, tf.unstack(scores), strict=True)
        ]
        rows, values = zip(*found, strict=True)
        return tf.stack(rows), tf.stack(values)

    def _unknown(self, boxes, scores, limit, floor):
        """The same where the size of the first axis is not known when tracing."""
        boxes = tf.broadcast_to(
            boxes, tf.concat([tf.shape(scores)[:1], tf.shape(boxes)[1:]], axis=0)
        )
        shape = [*scores.shape[1:-1], limit]
        return tf.map_fn(
            lambda one: self._of_rows(*one, limit, floor),
            (boxes, scores),
            fn_output_signature=(
                tf.TensorSpec(shape, tf.int32),
                tf.TensorSpec(shape, tf.float32),
            ),
        )

    def _one(self, boxes, scores, limit, floor):
        result = tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes,
            scores=scores,
            max_output_size=limit,
            iou_threshold=tf.cast(self.iou_threshold, tf.float32),
            score_threshold=tf.cast(floor, tf.float32),
            soft_nms_sigma=tf.cast(self.soft_nms_sigma, tf.float32),
            pad_to_max_output_size=True,
        )
        real = tf.range(limit) < result.valid_outputs
        values = tf.where(real, result.selected_scores, float("-inf"))
        return tf.ensure_shape(result.selected_indices, [limit]), values
