"""Non-maximum suppression as configs of the old API set it."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import build, register
from od_api.core.warn_once import warn_once
from od_api.postprocess.detections import SelectDetections
from od_api.protos import post_processing_pb2, suppression_pb2

_ONE_IMPLEMENTATION = "there is one implementation, and it gives the same boxes"


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
    What becomes of the survivors says `SelectDetections`.

    Soft suppression (Bodla et al. 2017) keeps overlapping boxes and multiplies their
    score by exp(-IoU^2 / (2 soft_nms_sigma)) for each kept box instead; `iou_threshold`
    then plays no part, as in the old API.

    Args:
      score_threshold: only scores above it count; one equal to it does not.
      iou_threshold: 0..1; boxes of exactly this IoU do not suppress each other.
      max_detections_per_class: at most `max_total_detections`.
      max_total_detections: N, the length of every output.
      use_class_agnostic_nms: a box of any class suppresses a box of any other.
      max_classes_per_detection: with use_class_agnostic_nms, how many of its best
        classes each surviving box is reported under.
      soft_nms_sigma: 0 for hard suppression; the larger, the weaker the decay.
      use_hard_nms: a guard of old configs; true refuses a soft_nms_sigma.
      use_static_shapes: look at all anchors at once, in a form that XLA compiles;
        slower where there are many. The detections are the same.
      max_candidates: only so many of the best boxes of each class are looked at; 0 is
        all of them, or the suppression's `default_candidates` if it has any.
      suppression: another suppression in the place of these two thresholds.

    Attributes:
      choosing: SelectDetections.
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
        max_candidates=0,
        suppression=None,
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
        ranges.at_least("max_candidates", max_candidates, 0, ranges.MOST_BOXES)
        ranges.at_least("soft_nms_sigma", soft_nms_sigma)
        if use_hard_nms and soft_nms_sigma > 0.0:
            raise ValueError("use_hard_nms contradicts soft_nms_sigma: unset one")
        self.score_threshold = score_threshold
        self.max_total_detections = max_total_detections
        self.class_agnostic = use_class_agnostic_nms
        self.suppression = suppression or _old(iou_threshold, soft_nms_sigma)
        self.choosing = SelectDetections(
            suppression=self.suppression,
            score_threshold=score_threshold,
            per_class=max_detections_per_class,
            total=max_total_detections,
            classes_per_box=max_classes_per_detection if use_class_agnostic_nms else 0,
            max_candidates=max_candidates,
            static=use_static_shapes,
        )
        per_list = (
            max_total_detections if use_class_agnostic_nms else max_detections_per_class
        )
        _warn_of_few(self.choosing.max_candidates or per_list, per_list)

    def select(self, boxes, scores, window=None, columns=None):
        """Detections of a batch, best first, zero-padded to N.

        Args:
          boxes: [B, A, 4], or [B, A, K, 4] where each class has boxes of its own.
          scores: [B, A, K], without a background class; K must be static.
          window: [B, 4] that boxes are clipped to; None clips nothing.
          columns: {name: [B, A, n]}, at least those that the suppression reads.

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
        read = {
            name: tf.cast(columns[name], tf.float32)
            for name in self.suppression.columns
        }
        window = tf.cast(window, tf.float32)
        return self.choosing.select(boxes, scores, read, window)


def _warn_of_few(looked_at, allowed):
    if looked_at < allowed:
        warn_once(
            f"suppression looks at the best {looked_at} boxes, so that no more are "
            f"kept, though {allowed} may be: raise max_candidates"
        )


def _old(iou_threshold, soft_nms_sigma):
    """The suppression that the old fields mean."""
    if soft_nms_sigma > 0.0:
        # TensorFlow's sigma is half of the paper's, which the part has.
        sigma = min(2.0 * soft_nms_sigma, ranges.LARGEST)
        return build(suppression_pb2.SoftNms(sigma=sigma))
    return build(
        suppression_pb2.GreedyNms(iou_threshold=iou_threshold, inclusive=False)
    )
