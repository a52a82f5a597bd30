"""Which proposals the second stage is trained on."""

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.types import Detections, as_priors


class ProposalSampling:
    """Which proposals the second stage is trained on.

    Args:
      objective: of the second stage: assigns, and draws by its samplers at most
        `batch_size` of them; without samplers all proposals are kept.
      add_ground_truth: ground-truth boxes are candidates, too, but ignored ones.
    """

    def __init__(self, *, objective, add_ground_truth=False):
        self.objective = objective
        self.add_ground_truth = add_ground_truth

    def sample(self, proposals, targets, seed):
        """Proposals (Detections of one class) -> those that are trained on, likewise.

        Sampled ones come first, in their old order; P becomes the batch size.

        Raises:
          UserError: there are fewer proposals than that, padding counted.
        """
        size = self.objective.batch_size
        if size is None:
            return proposals
        boxes, real = proposals.boxes, real_boxes(proposals)
        if self.add_ground_truth:
            boxes = tf.concat([boxes, targets.boxes], axis=1)
            real = tf.concat([real, targets.objects], axis=1)
        if boxes.shape[1] is not None and boxes.shape[1] < size:
            raise UserError(
                f"second_stage_batch_size is {size}, and there are only "
                f"{boxes.shape[1]} proposals to choose from: lower it, or raise "
                "first_stage_max_proposals"
            )
        priors = as_priors(boxes)._replace(valid=real)
        assignment = self.objective.assign(priors, targets)
        sampled = self.objective.draw(assignment, seed)
        kept, index = tf.math.top_k(sampled, size)
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


def proposal_priors(proposals):
    """Detections -> Priors [B, P, 4]; padding is not valid."""
    return as_priors(proposals.boxes)._replace(valid=real_boxes(proposals))
