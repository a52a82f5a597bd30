"""How crowded an object's place is, as a column of the head."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.trimmed_targets import trimmed
from od_api.protos import column_pb2


@register(column_pb2.DensityColumn)
class DensityColumn:
    """Density: the largest IoU of an object with another one, 0 of one that is apart.

    `adaptive_nms` reads it. Smooth L1 of what is predicted. Source: Liu et al.,
    Adaptive NMS, CVPR 2019, equation 3.

    Args:
      weight: of its loss.
      same_class: objects of other classes do not count, as none suppresses another's.

    Attributes:
      name: of the column, of its loss (`density_loss`) and for suppressions.
      width: 1 number a prior.
    """

    name = "density"
    width = 1

    def __init__(self, *, weight=1.0, same_class=False):
        self.weight = ranges.at_least("weight", weight)
        self.same_class = same_class

    def target(self, priors, assignment, targets, predictions):
        """What the column has to learn: [B, A, 1], 0 where there is no object."""
        del priors, predictions
        values = assignment.take(self.of_objects(trimmed(targets)))
        return tf.where(assignment.label == 1, values, 0.0)[..., None]

    def of_objects(self, targets):
        """Targets -> [B, G] float32, the density of each object; 0 of what is none."""
        overlaps = geometry.pairwise(geometry.iou, targets.boxes, targets.boxes)
        others = targets.objects[:, :, None] & targets.objects[:, None]
        others &= ~tf.eye(tf.shape(overlaps)[-1], dtype=tf.bool)
        if self.same_class:
            others &= targets.classes[:, :, None] == targets.classes[:, None]
        return tf.reduce_max(tf.where(others, overlaps, 0.0), axis=-1)

    def loss(self, values, target):
        """[B, A, 1] predictions, [B, A, 1] target -> [B, A]: smooth L1."""
        distance = tf.abs(values - target)[..., 0]
        near = tf.minimum(distance, 1.0)
        return near * (distance - 0.5 * near)

    def score(self, values):
        """[B, A, 1] predictions -> [B, A, 1] in 0..1."""
        return tf.clip_by_value(values, 0.0, 1.0)
