"""How central each point is in its object, as a column of the head."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.side_distances import centerness, side_distances
from od_api.protos import column_pb2


@register(column_pb2.CenternessColumn)
class CenternessColumn:
    """Centre-ness: 1 in the middle of an object, 0 at its border.

    As a factor of the scores it puts boxes that are predicted far from an object's
    centre behind better ones. Source: Tian et al., FCOS, ICCV 2019, section 3.3.

    Args:
      weight: of its loss.

    Attributes:
      name: of the column, of its loss (`centerness_loss`) and among score factors.
      width: 1 number a prior.
    """

    name = "centerness"
    width = 1

    def __init__(self, *, weight=1.0):
        self.weight = ranges.at_least("weight", weight)

    def target(self, priors, assignment, targets, predictions):
        """What the column has to learn: [B, A, 1], 0 where there is no object.

        A prior that is a box counts as its centre.
        """
        del predictions
        own = assignment.take(targets.boxes)
        values = centerness(side_distances(priors.boxes, own))
        return tf.where(assignment.label == 1, values, 0.0)[..., None]

    def loss(self, values, target):
        """[B, A, 1] logits, [B, A, 1] target -> [B, A]: binary cross entropy."""
        loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=values)
        return loss[..., 0]

    def score(self, values):
        """[B, A, 1] logits -> [B, A, 1] in 0..1."""
        return tf.sigmoid(values)
