"""Objects with few matches take the priors that predict good boxes of them."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import UserError
from od_api.core.predicted_overlaps import predicted_overlaps
from od_api.core.registry import build, build_field, register
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import as_priors
from od_api.protos import matcher_pb2

# Of the first step, from the paper.
FIRST_THRESHOLD = 0.35


@register(matcher_pb2.HighQualityMatcher)
class HighQualityMatcher:
    """Online high-quality anchor mining, over another matcher.

    An object that the first step gives fewer than `wanted_matches` positives is filled
    up to as many with negatives of the first step, best first, whose predicted boxes
    have an IoU of at least `mined_iou` with it, and with no object a higher one. Of
    equals the first prior and the first object are taken. A mined prior is positive and
    aims at the object from the prior itself. Objects of weight 0 mine nothing. Source:
    Liu et al., HAMBox, CVPR 2020, algorithm 1.

    Args:
      matcher: the first step: `assign(priors, targets, predictions)` -> Assignment.
      wanted_matches: K of the paper, which leaves it open.
      mined_iou: T of the paper, above 0 and at most 1.
    """

    def __init__(self, *, matcher, wanted_matches=3, mined_iou=0.5):
        self.matcher = matcher
        self.wanted_matches = ranges.at_least(
            "wanted_matches", wanted_matches, 1, ranges.MOST_BOXES
        )
        self.mined_iou = ranges.above("mined_iou", mined_iou, 0, 1)

    @classmethod
    def from_proto(cls, message, *, similarity, num_levels=None):
        """The matcher that a HighQualityMatcher message describes."""
        context = {"similarity": similarity, "num_levels": num_levels}
        if message.HasField("matcher"):
            matcher = build_field(message, "matcher", **context)
        else:
            thresholds = dict.fromkeys(
                ("matched_threshold", "unmatched_threshold"), FIRST_THRESHOLD
            )
            first = matcher_pb2.Matcher(argmax_matcher=thresholds)
            matcher = build(first, **context)
        return cls(
            matcher=matcher,
            wanted_matches=message.wanted_matches,
            mined_iou=message.mined_iou,
        )

    def assign(self, anchors, targets, predictions=None):
        """Labels every prior.

        Args:
          anchors: Priors, or boxes [A, 4], or [B, A, 4] where each image has its own.
          targets: `Targets`.
          predictions: Predictions of these priors.

        Returns:
          `Assignment` with `mined`; `quality` of a mined prior is the IoU of its
          predicted box, of others what the first step says.

        Raises:
          UserError: there are no predictions.
        """
        if predictions is None:
            raise UserError(
                "high_quality_matcher looks at predicted boxes, and proposals are "
                "drawn before there are any: take another matcher for stages with a "
                "sampler"
            )
        targets = trimmed(targets)
        first = self.matcher.assign(anchors, targets, predictions)
        overlaps = predicted_overlaps(predictions, targets)
        quality = tf.reduce_max(overlaps, axis=1)
        owner = tf.argmax(overlaps, axis=1, output_type=tf.int32)
        free = (first.label == 0) & as_priors(anchors).valid
        free &= quality >= self.mined_iou
        mined = self._best(free, quality, owner, self._needed(first, targets))
        return first._replace(
            label=tf.where(mined, 1, first.label),
            gt_index=tf.where(mined, owner, first.gt_index),
            quality=tf.where(mined, quality, first.quality),
            mined=mined,
        )

    def _needed(self, first, targets):
        """[B, G] int32: how many positives each object lacks."""
        images, count = tf.unstack(tf.shape(targets.valid))
        slots = first.gt_index + count * tf.range(images)[:, None]
        matches = tf.math.unsorted_segment_sum(
            tf.reshape(tf.cast(first.label == 1, tf.int32), [-1]),
            tf.reshape(slots, [-1]),
            images * count,
        )
        needed = self.wanted_matches - tf.reshape(matches, [images, count])
        return tf.where(targets.objects & (targets.weights > 0.0), needed, 0)

    def _best(self, free, quality, owner, needed):
        """[B, A] bool: of the free priors those that objects take."""
        images, priors = tf.unstack(tf.shape(free))
        count = tf.shape(needed)[1]
        of_object = free[:, None] & (owner[:, None] == tf.range(count)[:, None])
        size = tf.minimum(self.wanted_matches, priors)
        values = tf.where(of_object, quality[:, None], -1.0)
        best, rows = tf.math.top_k(values, size)
        taken = (best >= 0.0) & (tf.range(size) < needed[..., None])
        # What is not taken goes into a slot behind the last.
        slots = rows + priors * tf.range(images)[:, None, None]
        slots = tf.where(taken, slots, images * priors)
        hits = tf.math.unsorted_segment_sum(
            tf.ones([tf.size(slots)], tf.int32),
            tf.reshape(slots, [-1]),
            images * priors + 1,
        )
        return tf.reshape(hits[:-1] > 0, [images, priors])
