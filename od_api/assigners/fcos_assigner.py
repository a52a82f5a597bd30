"""Points inside an object answer for it, each level for a range of sizes."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.side_distances import centerness, four_sides, side_distances
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import Assignment, as_priors
from od_api.protos import fcos_assigner_pb2

# Of P3 to P7, from the paper.
RANGE_LIMITS = (64.0, 128.0, 256.0, 512.0)


@register(fcos_assigner_pb2.FcosAssigner)
class FcosAssigner:
    """A point is positive for the smallest object that it lies in and its level is for.

    It lies strictly inside. The largest of its distances to the four sides must be in
    the range of its level, closed at both ends as in the published code: a distance
    that two ranges share belongs to both levels. Of objects with equal areas the first
    is taken. All other points are negative. Ground truth of weight 0 takes part. A
    prior that is a box counts as its centre. Source: Tian et al., FCOS, ICCV 2019,
    section 3.2; `center_radius` is of its later version (TPAMI 2020).

    Args:
      range_limits: ascending, in pixels: where the range of a level ends and that of
        the next begins; the first begins at 0, the last has no end. Empty: 64, 128,
        256 and 512.
      center_radius: a positive lies, in y and in x, less than so many strides from the
        centre of its object; 0 asks for nothing.
      num_levels: how many maps the detector has, if it says so: as many as ranges.
    """

    def __init__(self, *, range_limits=(), center_radius=0.0, num_levels=None):
        limits = list(range_limits or RANGE_LIMITS)
        ranges.above("range_limits", limits)
        if sorted(set(limits)) != limits:
            raise ranges.RangeError(
                "range_limits",
                f"range_limits must ascend, from {limits[0]:g} to {limits[-1]:g}",
            )
        if num_levels not in (None, len(limits) + 1):
            raise ranges.RangeError(
                "range_limits",
                f"range_limits has {len(limits)} numbers, for {len(limits) + 1} levels,"
                f" and there are {num_levels} levels: give {num_levels - 1} numbers",
            )
        self.center_radius = ranges.at_least("center_radius", center_radius)
        self.low = [0.0, *limits]
        self.high = [*limits, float("inf")]

    def assign(self, anchors, targets, predictions=None):
        """Labels every point.

        Args:
          anchors: Priors, or boxes [A, 4], or [B, A, 4] where each image has its own.
          targets: `Targets`.
          predictions: unused.

        Returns:
          `Assignment` without ignored points; `quality` of a positive is how central it
          is in its object, of others 0.
        """
        del predictions
        priors, targets = as_priors(anchors), trimmed(targets)
        objects = targets.boxes[:, :, None]
        fits = targets.objects[:, :, None] & self._fits(priors, objects)
        areas = tf.where(fits, geometry.area(objects), float("inf"))
        gt_index = tf.argmin(areas, axis=1, output_type=tf.int32)
        positive = tf.reduce_any(fits, axis=1)
        gt_index = tf.where(positive, gt_index, 0)
        own = tf.gather(targets.boxes, gt_index, batch_dims=1)
        quality = centerness(side_distances(priors.boxes, own))
        return Assignment(
            gt_index=gt_index,
            label=tf.cast(positive, tf.int32),
            quality=tf.stop_gradient(tf.where(positive, quality, 0.0)),
        )

    def _fits(self, priors, objects):
        """[B, G, 1, 4] objects -> [B, G, A] bool: which points may answer for them."""
        left, top, right, bottom = four_sides(priors.boxes[..., None, :, :], objects)
        nearest = tf.minimum(tf.minimum(left, right), tf.minimum(top, bottom))
        farthest = tf.maximum(tf.maximum(left, right), tf.maximum(top, bottom))
        # A level beyond the last range can only come of bare Priors.
        low, high = (
            tf.gather(ends, tf.minimum(priors.levels, len(ends) - 1))
            for ends in (self.low, self.high)
        )
        fits = (nearest > 0.0) & (farthest >= low) & (farthest <= high)
        if self.center_radius:
            # From the centre it is half the difference of two distances.
            reach = 2.0 * self.center_radius * priors.strides
            fits &= tf.abs(top - bottom) < reach[:, 0]
            fits &= tf.abs(left - right) < reach[:, 1]
        return fits
