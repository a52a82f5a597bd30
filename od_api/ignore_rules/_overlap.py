"""Priors that overlap boxes which nothing is to learn."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.side_distances import four_sides
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import LeftOut, as_priors


class Overlap:
    """Leaves out the priors whose overlap with one of some boxes is above a limit.

    A point, a prior without area, that lies strictly inside a box overlaps it by 1.

    Args:
      similarity: callable [B, G, 4], [(B,) A, 4] -> [B, G, A], a share in 0..1.
      limit: 0..1; a prior of exactly this overlap stays.
      drop_positives: leave out positives as well.
    """

    def __init__(self, similarity, limit, drop_positives):
        if not getattr(similarity, "is_share", False):
            raise ranges.RangeError(
                "similarity_calculator",
                "similarity_calculator measures no share of boxes, and the limit is "
                "one: use iou_similarity or ioa_similarity",
            )
        self.similarity = similarity
        self.limit = ranges.probability("limit", limit)
        self.drop_positives = drop_positives

    def left_out(self, priors, targets, boxes):
        """Priors, Targets, [B, G] bool, which of its boxes -> LeftOut.

        Nothing is measured in a batch without such boxes.
        """
        priors = as_priors(priors)
        shape = tf.shape(targets.valid)[0], tf.shape(priors.boxes)[-2]
        near = tf.cond(
            tf.reduce_any(boxes),
            lambda: self._near(priors, targets, boxes),
            lambda: tf.zeros(shape, tf.bool),
        )
        return LeftOut(priors=near) if self.drop_positives else LeftOut(negatives=near)

    def _near(self, priors, targets, boxes):
        """[B, A] bool; there is a box, and so a row."""
        targets = trimmed(targets._replace(valid=boxes))
        overlaps = self.similarity(targets.boxes, priors.boxes)
        is_point = geometry.area(priors.boxes) <= 0.0
        inside = _inside(priors.boxes[..., None, :, :], targets.boxes[:, :, None])
        overlaps = tf.where(
            is_point[..., None, :], tf.cast(inside, tf.float32), overlaps
        )
        near = (overlaps > self.limit) & targets.valid[:, :, None]
        return tf.stop_gradient(tf.reduce_any(near, axis=1))


def _inside(places, boxes):
    """[..., 4] places, [..., 4] boxes -> [...] bool: the centre is strictly inside."""
    left, top, right, bottom = four_sides(places, boxes)
    return tf.minimum(tf.minimum(left, right), tf.minimum(top, bottom)) > 0.0
