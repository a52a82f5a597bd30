"""Each ground-truth box gets one anchor of its own."""

import tensorflow as tf

from od_api.assigners._targets import NEVER, similarities
from od_api.core.registry import register
from od_api.core.trimmed_targets import trimmed
from od_api.core.types import Assignment
from od_api.protos import bipartite_matcher_pb2


@register(
    bipartite_matcher_pb2.BipartiteMatcher,
    ignored={"use_matmul_gather": "gathers take the form that suits the device"},
)
class BipartiteMatcher:
    """Greedy one-to-one matching: the most similar pair first, then the next.

    Every ground-truth box of weight above 0 gets an anchor, however dissimilar, as
    long as anchors last; all other anchors are negative. Of equally similar pairs the
    lower ground-truth index goes first, then the lower anchor index. Source: the
    matching of Erhan et al., MultiBox, CVPR 2014, in the old API's greedy form.

    Args:
      similarity: callable [B, G, 4], [(B,) A, 4] -> [B, G, A].
    """

    def __init__(self, *, similarity):
        self.similarity = similarity

    def assign(self, anchors, targets, predictions=None):
        """Labels every anchor.

        Args:
          anchors: Priors, or boxes [A, 4], or [B, A, 4] where each image has its own.
          targets: `Targets`.
          predictions: unused.

        Returns:
          `Assignment` without ignored anchors; `quality` of a positive anchor is its
          similarity with the box that it is assigned, of others that with their best.
        """
        del predictions
        targets = trimmed(targets)
        values = similarities(self.similarity, anchors, targets)
        owner = _greedy(values, targets.objects & (targets.weights > 0))
        positive = owner >= 0
        gt_index = tf.where(positive, owner, 0)
        taken = owner[:, None, :] == tf.range(tf.shape(values)[1])[:, None]
        own = tf.reduce_max(tf.where(taken, values, NEVER), axis=1)
        quality = tf.where(positive, own, tf.reduce_max(values, axis=1))
        return Assignment(
            gt_index=gt_index,
            label=tf.cast(positive, tf.int32),
            quality=tf.where(quality > NEVER, quality, 0.0),
        )


def _greedy(values, eligible):
    """[B, G, A] similarities, [B, G] bool -> [B, A] int32 owner, -1 where none.

    A pair that is the best of its row and of its column is taken by the greedy order
    sooner or later, whatever else it takes first. So all such pairs can be taken at
    once, which needs a few rounds instead of one for each box.
    """
    _, count, anchors = tf.unstack(tf.shape(values))
    rows = tf.range(count)[:, None]

    possible = values > NEVER

    def free_pairs(free_rows, owner):
        return possible & free_rows[:, :, None] & (owner < 0)[:, None, :]

    def more(free_rows, owner):
        return tf.reduce_any(free_pairs(free_rows, owner))

    def take(free_rows, owner):
        free = free_pairs(free_rows, owner)
        left = tf.where(free, values, NEVER)
        best_of_row = tf.argmax(left, axis=2, output_type=tf.int32)
        best_of_anchor = tf.argmax(left, axis=1, output_type=tf.int32)
        mutual = (
            free
            & (best_of_row[:, :, None] == tf.range(anchors))
            & (best_of_anchor[:, None, :] == rows)
        )
        taken = tf.reduce_max(tf.where(mutual, rows, -1), axis=1)
        free_rows &= ~tf.reduce_any(mutual, axis=2)
        return free_rows, tf.maximum(owner, taken)

    owner = tf.fill([tf.shape(values)[0], anchors], -1)
    # Every round takes a pair, unless a similarity is NaN.
    _, owner = tf.while_loop(more, take, (eligible, owner), maximum_iterations=count)
    return owner
