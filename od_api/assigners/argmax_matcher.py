"""Each anchor takes its most similar ground-truth box, if it is similar enough."""

import tensorflow as tf

from od_api.assigners._targets import NEVER, similarities
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import Assignment
from od_api.protos import argmax_matcher_pb2


@register(
    argmax_matcher_pb2.ArgMaxMatcher,
    ignored={"use_matmul_gather": "gathers take the form that suits the device"},
)
class ArgMaxMatcher:
    """Argmax matching with two thresholds; many anchors may share a ground-truth box.

    An anchor is positive where its best similarity is at least `matched_threshold`,
    and negative below `unmatched_threshold`; what lies between is ignored. Of equally
    similar boxes the first is taken. Ground truth of weight 0 takes part, except in
    forced matches; anchors of an image without ground truth are all negative. Source:
    Ren et al., Faster R-CNN, NIPS 2015, section 3.1.2, with the options of the old API.

    Args:
      similarity: callable [B, G, 4], [(B,) A, 4] -> [B, G, A].
      matched_threshold: of positives.
      unmatched_threshold: of negatives, at most `matched_threshold`.
      ignore_thresholds: every anchor is positive for its best box.
      negatives_lower_than_unmatched: False swaps the lower two kinds: negative between
        the thresholds, ignored below both.
      force_match_for_each_row: the most similar anchor of every ground-truth box (the
        first of equals) is positive for it, however small the similarity and whatever
        else that anchor would match. Boxes that claim one anchor: the first has it.
    """

    def __init__(
        self,
        *,
        similarity,
        matched_threshold=0.5,
        unmatched_threshold=0.5,
        ignore_thresholds=False,
        negatives_lower_than_unmatched=True,
        force_match_for_each_row=False,
    ):
        check = _RANGES[getattr(similarity, "is_share", False)]
        check("matched_threshold", matched_threshold)
        check("unmatched_threshold", unmatched_threshold)
        if not ignore_thresholds:
            _check_thresholds(
                matched_threshold, unmatched_threshold, negatives_lower_than_unmatched
            )
        self.similarity = similarity
        self.matched_threshold = matched_threshold
        self.unmatched_threshold = unmatched_threshold
        self.ignore_thresholds = ignore_thresholds
        self.negatives_lower_than_unmatched = negatives_lower_than_unmatched
        self.force_match_for_each_row = force_match_for_each_row

    def assign(self, anchors, targets, predictions=None):
        """Labels every anchor.

        Args:
          anchors: Priors, or boxes [A, 4], or [B, A, 4] where each image has its own.
          targets: `Targets`.
          predictions: unused.

        Returns:
          `Assignment`; `quality` of a positive anchor is its similarity with the box
          that it is assigned, of others that with their best box.
        """
        del predictions
        targets = trimmed(targets)
        values = similarities(self.similarity, anchors, targets)
        gt_index = tf.argmax(values, axis=1, output_type=tf.int32)
        quality = tf.reduce_max(values, axis=1)
        label = self._label(quality)
        if self.force_match_for_each_row:
            forced, owner, owner_quality = _forced(values, targets)
            label = tf.where(forced, 1, label)
            gt_index = tf.where(forced, owner, gt_index)
            quality = tf.where(forced, owner_quality, quality)
        anything = quality > NEVER
        label = tf.where(anything, label, 0)
        return Assignment(
            gt_index=tf.where(label == 1, gt_index, 0),
            label=label,
            quality=tf.where(anything, quality, 0.0),
        )

    def _label(self, best):
        """[B, A] best similarities -> [B, A] int32 labels."""
        if self.ignore_thresholds:
            return tf.ones_like(best, tf.int32)
        below, between = (0, -1) if self.negatives_lower_than_unmatched else (-1, 0)
        label = tf.where(best < self.unmatched_threshold, below, between)
        return tf.where(best >= self.matched_threshold, 1, label)


# Whether the similarity is a share, 0..1, or any number.
_RANGES = {True: ranges.probability, False: ranges.finite}


def _check_thresholds(matched, unmatched, negatives_lower_than_unmatched):
    if unmatched > matched:
        raise ValueError(
            f"unmatched_threshold is {unmatched:g} and must not be above "
            f"matched_threshold, which is {matched:g}"
        )
    if not negatives_lower_than_unmatched and unmatched == matched:
        raise ValueError(
            "with negatives_lower_than_unmatched: false the negatives lie between the "
            f"thresholds, and both are {matched:g}; make unmatched_threshold smaller"
        )


def _forced(values, targets):
    """Which anchor each ground-truth box claims.

    Returns:
      (forced [B, A] bool, owner [B, A] int32 index into G, similarity [B, A]).
    """
    batch, count, anchors = tf.unstack(tf.shape(values))
    claimed = tf.argmax(values, axis=2, output_type=tf.int32)
    best = tf.reduce_max(values, axis=2)
    may_claim = targets.objects & (targets.weights > 0) & (best > NEVER)
    # The first box wins an anchor, so an anchor's owner is the least index; `count`
    # stands for nobody.
    rows = tf.where(may_claim, tf.range(count), count)
    slots = claimed + anchors * tf.range(batch)[:, None]
    owner = tf.math.unsorted_segment_min(
        tf.reshape(rows, [-1]), tf.reshape(slots, [-1]), batch * anchors
    )
    owner = tf.reshape(owner, [batch, anchors])
    forced = owner < count
    owner = tf.where(forced, owner, 0)
    return forced, owner, tf.gather(best, owner, batch_dims=1)
