"""Trains on the anchors whose loss is largest."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import UserError
from od_api.core.registry import register
from od_api.layers.greedy_mask import greedy_mask, overlap_removes
from od_api.protos import losses_pb2


@register(losses_pb2.HardExampleMiner)
class HardExampleMiner:
    """Keeps anchors by loss, largest first, in three steps, each image on its own.

    1. Suppression: of anchors whose decoded boxes overlap, only the one of larger loss.
    2. A cap on the number of anchors, positive ones among them.
    3. All positives that are left, and so many negatives for each of them.
    As in the old API, an image without positives has no negatives either (and so no
    loss) while `min_negatives_per_image` is 0. Source: Liu et al., SSD, ECCV 2016,
    section 2.2 (step 3); Shrivastava et al., OHEM, CVPR 2016 (steps 1 and 2).

    Args:
      num_hard_examples: cap of step 2; 0 is no cap.
      iou_threshold: of step 1; from 1 on there is no suppression.
      loss_type: which loss orders the anchors: BOTH (their sum, weighted as in the
        total), CLASSIFICATION or LOCALIZATION.
      max_negatives_per_positive: of step 3; 0 leaves step 3 out.
      min_negatives_per_image: of step 3, if there are so many.

    Attributes:
      needs_losses: True: it chooses among what the losses are counted over already.
    """

    needs_losses = True

    def __init__(
        self,
        *,
        num_hard_examples=64,
        iou_threshold=0.7,
        loss_type="BOTH",
        max_negatives_per_positive=0,
        min_negatives_per_image=0,
    ):
        counts = {
            "num_hard_examples": num_hard_examples,
            "max_negatives_per_positive": max_negatives_per_positive,
            "min_negatives_per_image": min_negatives_per_image,
        }
        for name, count in counts.items():
            ranges.at_least(name, count)
        ranges.at_least("iou_threshold", iou_threshold)
        if loss_type not in ("BOTH", "CLASSIFICATION", "LOCALIZATION"):
            raise ValueError(
                f"loss_type is {loss_type}; it is BOTH, CLASSIFICATION or LOCALIZATION"
            )
        self.num_hard_examples = num_hard_examples
        self.iou_threshold = iou_threshold
        self.loss_type = loss_type
        self.max_negatives_per_positive = max_negatives_per_positive
        self.min_negatives_per_image = min_negatives_per_image

    def sample(self, assignment, losses=None, seed=None):
        """Weights of anchors: 1 is kept, 0 is not.

        Args:
          assignment: `Assignment`; ignored anchors are never kept.
          losses: `AnchorLosses`, needed.
          seed: unused.

        Returns:
          [B, A] float32, without a gradient.

        Raises:
          UserError: no losses.
        """
        del seed
        if losses is None:
            raise UserError("hard_example_miner needs the losses of the anchors")
        # A ranking below every loss puts ignored anchors last.
        ranking = tf.where(assignment.label >= 0, self._ranking(losses), -1.0)
        order = tf.argsort(ranking, axis=1, direction="DESCENDING", stable=True)
        label = tf.gather(assignment.label, order, batch_dims=1)
        kept = self._keep(self._survivors(losses.boxes, order, label), label)
        place = tf.argsort(order, axis=1)
        kept = tf.gather(kept, place, batch_dims=1)
        return tf.stop_gradient(tf.cast(kept, tf.float32))

    def _ranking(self, losses):
        total = {
            "BOTH": losses.classification + losses.localization,
            "CLASSIFICATION": losses.classification,
            "LOCALIZATION": losses.localization,
        }[self.loss_type]
        return tf.stop_gradient(tf.cast(total, tf.float32))

    def _survivors(self, boxes, order, label):
        """Step 1, on anchors sorted by loss: [B, A] bool."""
        if self.iou_threshold >= 1:
            return tf.ones_like(label, tf.bool)
        boxes = tf.cast(tf.stop_gradient(boxes), tf.float32)
        boxes = tf.gather(boxes, order, batch_dims=1)
        return greedy_mask(
            boxes,
            overlap_removes(self.iou_threshold),
            lambda survivors, seen: self._is_decided(survivors, label, seen),
        )

    def _keep(self, survivors, label):
        """Steps 2 and 3, on anchors sorted by loss: [B, A] bool."""
        kept = survivors & (label >= 0)
        if self.num_hard_examples:
            kept &= tf.cumsum(tf.cast(kept, tf.int32), axis=1) <= self.num_hard_examples
        if self.max_negatives_per_positive:
            negative = kept & (label == 0)
            number = tf.cumsum(tf.cast(negative, tf.int32), axis=1)
            quota = self._quota(kept & (label == 1))
            kept &= (label == 1) | (number <= quota)
        return kept

    def _quota(self, positive):
        """[B, A] bool -> [B, 1] int32, how many negatives an image may keep."""
        count = tf.reduce_sum(tf.cast(positive, tf.int32), axis=1, keepdims=True)
        return tf.maximum(
            self.min_negatives_per_image, self.max_negatives_per_positive * count
        )

    def _is_decided(self, survivors, label, seen):
        """Whether nothing after the first `seen` anchors can be kept in any image."""
        later = tf.range(tf.shape(label)[1]) >= seen
        may_come = later & (label >= 0)
        kept = survivors & (label >= 0)
        if self.max_negatives_per_positive:
            number = tf.reduce_sum(tf.cast(kept & (label == 0), tf.int32), axis=1)
            full = number >= self._quota(kept & (label == 1))[:, 0]
            may_come &= (label == 1) | ~full[:, None]
        if self.num_hard_examples:
            number = tf.reduce_sum(tf.cast(kept, tf.int32), axis=1)
            may_come &= (number < self.num_hard_examples)[:, None]
        return ~tf.reduce_any(may_come)
