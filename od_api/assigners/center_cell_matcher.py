"""The cell that an object's centre falls into answers for the object."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.errors import UserError
from od_api.core.predicted_overlaps import predicted_overlaps
from od_api.core.registry import register
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import Assignment, as_priors
from od_api.protos import matcher_pb2

# Of a cell: centres of cells that lie on the edge of one may be rounded below it.
ROUNDING = 1e-3


@register(matcher_pb2.CenterCellMatcher)
class CenterCellMatcher:
    """An object is learned where its centre is, by one prior or by all of the cell.

    On each level the object wants the priors of the cell that its centre falls into; a
    centre on an edge is in the later cell, one outside of the map in the nearest. Of
    all these it takes, by `choice`, the one whose shape has the largest IoU with its
    own (both centred; of equals the first), the one whose predicted box has, or ALL. A
    prior that several objects take is the one's that `sharing` says; the others do
    without it. What is not taken and has an IoU above `ignored_iou` with an object is
    ignored, the rest negative. Source: Redmon et al., YOLO, CVPR 2016, section 2.2
    (BEST_PREDICTION); Redmon and Farhadi, YOLOv3, 2018, section 2.1 (BEST_SHAPE).

    Args:
      choice: BEST_SHAPE, BEST_PREDICTION or ALL.
      sharing: FIRST of the ground truth, SMALLEST by area, or BEST by the IoU that the
        choice is made by (of shapes with ALL); of equals the first.
      ignored_iou: 0..1.
      ignore_by_prediction: it is of predicted boxes instead of priors.
    """

    def __init__(
        self,
        *,
        choice="BEST_SHAPE",
        sharing="FIRST",
        ignored_iou=0.5,
        ignore_by_prediction=False,
    ):
        self.choice = choice
        self.sharing = sharing
        self.ignored_iou = ranges.probability("ignored_iou", ignored_iou)
        self.ignore_by_prediction = ignore_by_prediction

    def assign(self, anchors, targets, predictions=None):
        """Labels every prior.

        Args:
          anchors: Priors, or boxes [A, 4], or [B, A, 4] where each image has its own;
            those without a stride are in cells of 1 pixel.
          targets: `Targets`.
          predictions: Predictions of these priors, for what looks at predicted boxes.

        Returns:
          `Assignment`; `quality` of a positive is the IoU that it was chosen by, of
          others the one that they may be ignored for.

        Raises:
          UserError: predictions are needed, and there are none.
        """
        priors, targets = as_priors(anchors), trimmed(targets)
        predicted = self._predicted(predictions, targets)
        objects = targets.boxes[:, :, None]
        fit = predicted
        if self.choice != "BEST_PREDICTION":
            fit = _shape_iou(objects, _per_object(priors.boxes))
        wanted = targets.objects[:, :, None] & _per_object(priors.valid)
        wanted &= _central(priors, objects)
        fit = tf.where(wanted, fit, -1.0)
        taken = wanted if self.choice == "ALL" else _best(fit)
        gt_index = self._owner(taken, fit, geometry.area(objects))
        positive = tf.reduce_any(taken, axis=1)
        overlap = predicted
        if not self.ignore_by_prediction:
            overlap = geometry.iou(objects, _per_object(priors.boxes))
        overlap = tf.where(targets.objects[:, :, None], overlap, 0.0)
        near = tf.reduce_max(overlap, axis=1)
        label = tf.where(near > self.ignored_iou, -1, 0)
        own = tf.gather(tf.transpose(fit, [0, 2, 1]), gt_index, batch_dims=2)
        return Assignment(
            gt_index=tf.where(positive, gt_index, 0),
            label=tf.where(positive, 1, label),
            quality=tf.stop_gradient(tf.where(positive, own, near)),
        )

    def _predicted(self, predictions, targets):
        """[B, G, A] IoU of predicted boxes with objects; None where nobody asks."""
        if self.choice != "BEST_PREDICTION" and not self.ignore_by_prediction:
            return None
        if predictions is None:
            raise UserError(
                "center_cell_matcher is to look at predicted boxes, and proposals are "
                "drawn before there are any: set choice: BEST_SHAPE and "
                "ignore_by_prediction: false for stages with a sampler"
            )
        return tf.maximum(predicted_overlaps(predictions, targets), 0.0)

    def _owner(self, taken, fit, areas):
        """[B, G, A] what objects take -> [B, A] int32, who has it."""
        if self.sharing == "BEST":
            values = tf.where(taken, fit, -1.0)
            return tf.argmax(values, axis=1, output_type=tf.int32)
        rank = areas
        if self.sharing == "FIRST":
            rank = tf.cast(tf.range(tf.shape(taken)[1]), tf.float32)[:, None]
        values = tf.where(taken, rank, float("inf"))
        return tf.argmin(values, axis=1, output_type=tf.int32)


def _per_object(values):
    """[A, ...] or [B, A, ...] -> [1 or B, 1, A, ...]; the first of one or two axes."""
    own = values.shape.rank - (1 if values.dtype == tf.bool else 2)
    return values[:, None] if own else values[None, None]


def _central(priors, objects):
    """Priors, [B, G, 1, 4] -> [B, G, A] bool: their cells hold the objects' centres."""
    strides = tf.where(priors.strides > 0.0, priors.strides, 1.0)
    cells = tf.floor(_centers(priors.boxes) / strides + ROUNDING)
    by_level = cells if cells.shape.rank == 2 else tf.reduce_max(cells, axis=0)
    last = tf.math.unsorted_segment_max(by_level, priors.levels, ranges.MOST_LAYERS)
    last = tf.gather(last, priors.levels)
    place = tf.floor(_centers(objects) / strides)
    place = tf.clip_by_value(place, 0.0, tf.maximum(last, 0.0))
    return tf.reduce_all(_per_object(cells) == place, axis=-1)


def _centers(boxes):
    """[..., 4] -> [..., 2], (y, x)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2.0


def _shape_iou(boxes, others):
    """[..., 4] twice (broadcast) -> [...] IoU as if they had one centre."""
    _, _, height, width = geometry.center_size(boxes)
    _, _, other_height, other_width = geometry.center_size(others)
    overlap = tf.minimum(height, other_height) * tf.minimum(width, other_width)
    union = height * width + other_height * other_width - overlap
    return tf.math.divide_no_nan(overlap, union)


def _best(fit):
    """[B, G, A], -1 where nothing is wanted -> [B, G, A] bool: the first best one."""
    place = tf.argmax(fit, axis=2, output_type=tf.int32)
    best = place[..., None] == tf.range(tf.shape(fit)[2])
    return best & (tf.reduce_max(fit, axis=2, keepdims=True) >= 0.0)
