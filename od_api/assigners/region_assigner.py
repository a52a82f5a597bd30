"""Priors near the centre of an object answer for it, on the level of its size."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import Assignment, as_priors
from od_api.protos import matcher_pb2


@register(matcher_pb2.RegionAssigner)
class RegionAssigner:
    """Labels cells by their place in an object, whatever their priors overlap.

    Positive are the cells of the object's level in the middle `center_ratio` of its
    sides; those in the middle `ignore_ratio`, there and on the next finer and coarser
    level, are ignored where they are positive for no object. The edges of both regions
    are rounded to whole cells and belong to them, so that every object that lies on the
    map has a cell. Of several objects a cell answers for the smallest, of equal ones
    for the first. The level is the one whose prior, `anchor_scale` strides a side, is
    nearest to the object's in the logarithm. Source: Vu et al., Cascade RPN, NeurIPS
    2019, section 3.1; Wang et al., Guided Anchoring, CVPR 2019, section 3.5.

    Args:
      center_ratio: of the sides, for positives.
      ignore_ratio: of the sides, at least `center_ratio`.
      anchor_scale: side of a prior in strides of its level.
    """

    def __init__(self, *, center_ratio=0.2, ignore_ratio=0.5, anchor_scale=8.0):
        ranges.between("center_ratio", center_ratio, 0, 1)
        ranges.between("ignore_ratio", ignore_ratio, center_ratio, 1)
        ranges.above("anchor_scale", anchor_scale)
        self.center_ratio = center_ratio
        self.ignore_ratio = ignore_ratio
        self.anchor_scale = anchor_scale

    def assign(self, anchors, targets, predictions=None):
        """Labels every prior by its cell.

        Args:
          anchors: Priors, one or more a cell.
          targets: `Targets`.
          predictions: unused.

        Returns:
          `Assignment`; `quality` of a positive is 1, of others 0.
        """
        del predictions
        priors, targets = as_priors(anchors), trimmed(targets)
        objects = targets.boxes[:, :, None]
        areas = geometry.area(objects)
        apart = tf.abs(self._levels(areas, priors) - priors.levels)
        takes_part = targets.objects[:, :, None]
        central = takes_part & (apart == 0)
        central &= self._inside(priors, objects, self.center_ratio)
        ignored = takes_part & (apart <= 1)
        ignored &= self._inside(priors, objects, self.ignore_ratio)
        gt_index = tf.argmin(
            tf.where(central, areas, float("inf")), axis=1, output_type=tf.int32
        )
        positive = tf.reduce_any(central, axis=1)
        label = tf.where(tf.reduce_any(ignored, axis=1), -1, 0)
        return Assignment(
            gt_index=tf.where(positive, gt_index, 0),
            label=tf.where(positive, 1, label),
            quality=tf.cast(positive, tf.float32),
        )

    def _levels(self, areas, priors):
        """[B, G, 1] areas -> [B, G, 1] int32."""
        smallest = self.anchor_scale * tf.reduce_min(priors.strides)
        side = tf.sqrt(tf.maximum(areas, 1.0))
        level = tf.math.log(side / tf.maximum(smallest, 1.0)) / tf.math.log(2.0)
        level = tf.cast(tf.floor(level + 0.5), tf.int32)
        return tf.clip_by_value(level, 0, tf.reduce_max(priors.levels))

    def _inside(self, priors, objects, ratio):
        """[B, G, 1, 4] objects -> [B, G, A] bool: cells in the middle of the sides."""
        ymin, xmin, ymax, xmax = tf.unstack(priors.boxes, axis=-1)
        centers = tf.stack([ymin + ymax, xmin + xmax], axis=-1) / 2.0
        strides = tf.maximum(priors.strides, 1.0)
        cells = tf.floor(centers / strides)
        if cells.shape.rank == 3:
            cells = cells[:, None]
        low, high = objects[..., :2], objects[..., 2:]
        margin = (1.0 - ratio) / 2.0 * (high - low)
        first = tf.floor((low + margin) / strides + 0.5)
        last = tf.floor((high - margin) / strides + 0.5)
        return tf.reduce_all((cells >= first) & (cells <= last), axis=-1)
