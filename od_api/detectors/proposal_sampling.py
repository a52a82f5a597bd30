"""Which proposals the second stage is trained on."""

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.types import Detections


class ProposalSampling:
    """Which proposals the second stage is trained on, and against what.

    Args:
      assigner: of proposals to ground truth.
      sampler: chooses at most `size` of them; None keeps all.
      size: proposals an image is trained on.
      add_ground_truth: ground-truth boxes are candidates, too.
    """

    def __init__(self, *, assigner, sampler=None, size=64, add_ground_truth=False):
        self.assigner = assigner
        self.sampler = sampler
        self.size = size
        self.add_ground_truth = add_ground_truth

    def assign(self, boxes, real, targets):
        """Assignment of boxes [B, P, 4]; where `real` [B, P] is False it ignores."""
        assignment = self.assigner.assign(boxes, targets)
        weight = assignment.take(targets.weights)
        takes_part = real & ((assignment.label != 1) | (weight > 0.0))
        return assignment._replace(label=tf.where(takes_part, assignment.label, -1))

    def sample(self, proposals, targets, seed):
        """Proposals (Detections of one class) -> those that are trained on, likewise.

        Sampled ones come first, in their old order; P becomes `size`.

        Raises:
          UserError: there are fewer proposals than `size`, padding counted.
        """
        if self.sampler is None:
            return proposals
        boxes, real = proposals.boxes, real_boxes(proposals)
        if self.add_ground_truth:
            boxes = tf.concat([boxes, targets.boxes], axis=1)
            real = tf.concat([real, targets.valid], axis=1)
        if boxes.shape[1] is not None and boxes.shape[1] < self.size:
            raise UserError(
                f"second_stage_batch_size is {self.size}, and there are only "
                f"{boxes.shape[1]} proposals to choose from: lower it, or raise "
                "first_stage_max_proposals"
            )
        assignment = self.assign(boxes, real, targets)
        sampled = self.sampler.sample(assignment, seed=seed)
        kept, index = tf.math.top_k(sampled, self.size)
        count = tf.reduce_sum(tf.cast(kept > 0.0, tf.int32), axis=1)
        boxes = tf.gather(boxes, index, batch_dims=1) * kept[..., None]
        return Detections(
            boxes=tf.stop_gradient(boxes),
            scores=kept,
            classes=tf.zeros_like(index),
            count=count,
            anchor_indices=index,
        )


def real_boxes(found):
    """Detections -> [B, N] bool: False in padding."""
    return tf.sequence_mask(found.count, tf.shape(found.boxes)[1])
