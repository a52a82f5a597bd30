"""Greedy non-maximum suppression: of boxes that overlap, the best score survives."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import Detections
from od_api.protos import post_processing_pb2

# The anchors that are looked at first, and the factor by which more are taken when
# these do not settle the result. On a trained SSD 512 of 1917 anchors nearly always do.
_FIRST_ANCHORS = 512
_GROWTH = 8

_ONE_IMPLEMENTATION = "there is one implementation, and it gives the same boxes"


class _Selected(NamedTuple):
    """What suppression knows of one image: the first fields of Detections, no B axis.

    Loops over images and anchors carry tensors only, so the fields that other parts
    fill in are not here.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    count: tf.Tensor
    anchor_indices: tf.Tensor


@register(
    post_processing_pb2.BatchNonMaxSuppression,
    ignored={
        "use_partitioned_nms": _ONE_IMPLEMENTATION,
        "use_combined_nms": _ONE_IMPLEMENTATION,
        "use_cpu_nms": "TensorFlow's suppression kernel runs on the CPU anyway",
        "change_coordinate_frame": "detections stay in pixels until they are written "
        "out, and then become relative to the image without its padding",
    },
)
class BatchNonMaxSuppression:
    """Chooses the final boxes of a batch, class by class or over all classes.

    Within a class, boxes are visited best score first, equal scores in the order of
    the input. One whose IoU with a box already kept exceeds `iou_threshold` is dropped.
    The survivors of all classes are merged by score (equal scores by class), clipped to
    the window, and those without area left are removed before the list is cut.

    The result is exactly that of visiting every box, yet most are never looked at: when
    the best anchors alone fill the list with scores above every score left out, nothing
    that was left out could have entered it or suppressed a member of it.

    Soft suppression (Bodla et al. 2017) keeps overlapping boxes and multiplies their
    score by exp(-IoU^2 / (2 soft_nms_sigma)) for each kept box instead; `iou_threshold`
    then plays no part, as in the old API.

    Args:
      score_threshold: only scores above it count.
      iou_threshold: 0..1.
      max_detections_per_class: at most `max_total_detections`.
      max_total_detections: N, the length of every output.
      use_class_agnostic_nms: a box of any class suppresses a box of any other.
      max_classes_per_detection: with use_class_agnostic_nms, how many of its best
        classes each surviving box is reported under.
      soft_nms_sigma: 0 for hard suppression; the larger, the weaker the decay.
      use_hard_nms: a guard of old configs; true refuses a soft_nms_sigma.
      use_static_shapes: look at all anchors at once, in a form that XLA compiles;
        slower where there are many. The detections are the same. Hard suppression
        only.
    """

    def __init__(
        self,
        *,
        score_threshold=0.0,
        iou_threshold=0.6,
        max_detections_per_class=100,
        max_total_detections=100,
        use_class_agnostic_nms=False,
        max_classes_per_detection=1,
        soft_nms_sigma=0.0,
        use_hard_nms=False,
        use_static_shapes=False,
    ):
        ranges.finite("score_threshold", score_threshold)
        ranges.probability("iou_threshold", iou_threshold)
        for name, most in (
            ("max_detections_per_class", max_detections_per_class),
            ("max_total_detections", max_total_detections),
            ("max_classes_per_detection", max_classes_per_detection),
        ):
            ranges.at_least(name, most, 1, ranges.MOST_BOXES)
        if max_detections_per_class > max_total_detections:
            raise ValueError(
                f"max_detections_per_class ({max_detections_per_class}) must be from 1 "
                f"to max_total_detections ({max_total_detections}): lower the first or "
                "raise the second"
            )
        ranges.at_least("soft_nms_sigma", soft_nms_sigma)
        if use_hard_nms and soft_nms_sigma > 0.0:
            raise ValueError("use_hard_nms contradicts soft_nms_sigma: unset one")
        if use_static_shapes and soft_nms_sigma > 0.0:
            raise ValueError("use_static_shapes excludes soft_nms_sigma: unset one")
        self.score_threshold = score_threshold
        self.iou_threshold = iou_threshold
        self.max_detections_per_class = max_detections_per_class
        self.max_total_detections = max_total_detections
        self.max_classes_per_detection = max_classes_per_detection
        self.soft_nms_sigma = soft_nms_sigma
        self.use_static_shapes = use_static_shapes
        self._survivors = (
            self._over_classes if use_class_agnostic_nms else self._by_class
        )

    def select(self, boxes, scores, window=None):
        """Detections of a batch, best first, zero-padded to N.

        Args:
          boxes: [B, A, 4], or [B, A, K, 4] where each class has boxes of its own.
          scores: [B, A, K], without a background class; K must be static.
          window: [B, 4] that boxes are clipped to; None clips nothing.

        Returns:
          Detections. Clipping comes after suppression, as in the old API.
        """
        boxes = tf.cast(boxes, tf.float32)
        scores = tf.cast(scores, tf.float32)
        if scores.shape[-1] is None:
            raise ValueError("the number of classes must be known when tracing")
        if boxes.shape.rank == 3:
            boxes = boxes[:, :, None]
        if window is None:
            window = tf.fill([tf.shape(boxes)[0], 1], float("inf")) * [-1.0, -1, 1, 1]
        inputs = (boxes, scores, tf.cast(window, tf.float32))
        if scores.shape[0] == 1:
            one = self._select_one(*(x[0] for x in inputs))
            return Detections(*(x[None] for x in one))
        several = tf.map_fn(
            lambda image: self._select_one(*image),
            inputs,
            fn_output_signature=_one_image_spec(self.max_total_detections),
        )
        return Detections(*several)

    def _select_one(self, boxes, scores, window):
        """_Selected of one image: tries more and more anchors until it is settled."""
        if self.use_static_shapes:
            survivors = self._survivors(boxes, scores, self.score_threshold)
            return self._merge(*survivors, tf.range(tf.shape(scores)[0]), window)
        num_anchors = tf.shape(scores)[0]
        best = tf.reduce_max(scores, axis=-1)

        def unsettled(size, found):
            return (size < num_anchors) & (found.count < self.max_total_detections)

        def try_more(size, _):
            size = tf.minimum(tf.maximum(_GROWTH * size, _FIRST_ANCHORS), num_anchors)
            values, anchors = tf.math.top_k(best, size, sorted=False)
            anchors = tf.sort(anchors)
            # Anchors left out have no score above this one.
            left_out = tf.where(
                size < num_anchors, tf.reduce_min(values), self.score_threshold
            )
            floor = tf.maximum(left_out, self.score_threshold)
            survivors = self._survivors(
                tf.gather(boxes, anchors), tf.gather(scores, anchors), floor
            )
            return size, self._merge(*survivors, anchors, window)

        start = (tf.constant(0), _no_detections(self.max_total_detections))
        return tf.while_loop(unsettled, try_more, start)[1]

    def _by_class(self, boxes, scores, floor):
        """Suppression within each class: [M, q, 4], [M, K] -> flat, class by class.

        Returns:
          boxes [S, 4], scores [S], classes [S], row indices [S]; a score of -inf where
          there is no survivor.
        """
        num_classes = scores.shape[-1]
        limit = self.max_detections_per_class
        boxes = tf.unstack(boxes, num=boxes.shape[1], axis=1)
        boxes = boxes * num_classes if len(boxes) == 1 else boxes
        columns = tf.unstack(tf.transpose(scores), num=num_classes)
        kept = [
            self._suppress(class_boxes, column, floor, limit)
            for class_boxes, column in zip(boxes, columns, strict=True)
        ]
        rows, values = (tf.concat(x, axis=0) for x in zip(*kept, strict=True))
        chosen = [tf.gather(b, r) for b, (r, _) in zip(boxes, kept, strict=True)]
        classes = tf.repeat(tf.range(num_classes), limit)
        return tf.concat(chosen, axis=0), values, classes, rows

    def _over_classes(self, boxes, scores, floor):
        """Suppression over all classes by each box's best one; returns as `_by_class`.

        A box with several reported classes has the same decay in each of them.
        """
        best = tf.reduce_max(scores, axis=-1)
        if boxes.shape[1] > 1:
            boxes = tf.gather(boxes, tf.argmax(scores, axis=-1), batch_dims=1)
        else:
            boxes = boxes[:, 0]
        rows, values = self._suppress(boxes, best, floor, self.max_total_detections)
        per_box = min(self.max_classes_per_detection, scores.shape[-1])
        top, classes = tf.math.top_k(tf.gather(scores, rows), per_box)
        top *= tf.math.divide_no_nan(values, tf.gather(best, rows))[:, None]
        real = (values > floor)[:, None] & (top > floor)
        values = tf.where(real, top, float("-inf"))
        rows = tf.repeat(rows, per_box)
        flat = (tf.reshape(x, [-1]) for x in (values, classes))
        return tf.gather(boxes, rows), *flat, rows

    def _suppress(self, boxes, scores, floor, limit):
        """[M, 4], [M] -> rows [limit], scores [limit], -inf where nothing survived."""
        if self.use_static_shapes:
            return self._suppress_static(boxes, scores, floor, limit)
        result = tf.raw_ops.NonMaxSuppressionV5(
            boxes=boxes,
            scores=scores,
            max_output_size=limit,
            iou_threshold=tf.cast(self.iou_threshold, tf.float32),
            score_threshold=floor,
            soft_nms_sigma=tf.cast(self.soft_nms_sigma, tf.float32),
            pad_to_max_output_size=True,
        )
        real = tf.range(limit) < result.valid_outputs
        values = tf.where(real, result.selected_scores, float("-inf"))
        return tf.ensure_shape(result.selected_indices, [limit]), values

    def _suppress_static(self, boxes, scores, floor, limit):
        """`_suppress` by the older kernel, which XLA has and which knows no decay."""
        rows, count = tf.raw_ops.NonMaxSuppressionV4(
            boxes=boxes,
            scores=scores,
            max_output_size=limit,
            iou_threshold=tf.cast(self.iou_threshold, tf.float32),
            score_threshold=floor,
            pad_to_max_output_size=True,
        )
        rows = tf.ensure_shape(rows, [limit])
        values = tf.where(tf.range(limit) < count, tf.gather(scores, rows), -np.inf)
        return rows, values

    def _merge(self, boxes, scores, classes, rows, anchors, window):
        """Clips, removes boxes without area, sorts and pads: _Selected."""
        boxes = box_ops.clip(boxes, window)
        scores = tf.where(box_ops.area(boxes) > 0.0, scores, float("-inf"))
        length = self.max_total_detections
        values, order = tf.math.top_k(scores, min(length, scores.shape[0]))
        real = values > float("-inf")

        def finish(x):
            x = tf.where(tf.reshape(real, [-1] + [1] * (x.shape.rank - 1)), x, 0)
            padding = [[0, length - x.shape[0]]] + [[0, 0]] * (x.shape.rank - 1)
            return tf.pad(x, padding)

        return _Selected(
            boxes=finish(tf.gather(boxes, order)),
            scores=finish(values),
            classes=finish(tf.gather(classes, order)),
            count=tf.reduce_sum(tf.cast(real, tf.int32)),
            anchor_indices=finish(tf.gather(anchors, tf.gather(rows, order))),
        )


def _one_image_spec(length):
    """The TensorSpecs of _Selected."""
    return _Selected(
        boxes=tf.TensorSpec([length, 4], tf.float32),
        scores=tf.TensorSpec([length], tf.float32),
        classes=tf.TensorSpec([length], tf.int32),
        count=tf.TensorSpec([], tf.int32),
        anchor_indices=tf.TensorSpec([length], tf.int32),
    )


def _no_detections(length):
    return tf.nest.map_structure(
        lambda spec: tf.zeros(spec.shape, spec.dtype), _one_image_spec(length)
    )
