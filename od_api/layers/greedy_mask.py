"""Greedy suppression of ranked boxes of many images or classes at once, as a mask."""

import tensorflow as tf

from od_api.core import boxes as geometry

# Boxes compared at a time: large enough to keep the number of steps small, small enough
# for a block of overlaps to stay in the processor's cache.
BLOCK = 128


def greedy_mask(items, removes, enough):
    """Which items survive when each survivor removes some of the later ones.

    The result of visiting one after the other, but for the whole batch at once, with
    static shapes, under XLA too, and no further down the ranking than is asked for: the
    work grows with the square of that depth.

    Args:
      items: a nest of tensors [B, A, ...], best first.
      removes: callable (earlier, later), two such nests of [B, n, ...] and [B, m, ...]
        -> [B, n, m] bool: which of the earlier ones remove which of the later ones.
      enough: callable (mask [B, A] bool, seen) -> scalar bool; the mask is final for
        the first `seen` items, an int32 scalar. True ends the work.

    Returns:
      [B, A] bool, False for what was not looked at.
    """
    first = tf.nest.flatten(items)[0]
    batch, count = tf.shape(first)[0], first.shape[1] or tf.shape(first)[1]
    blocks = -(-count // BLOCK)
    items = tf.nest.map_structure(lambda x: _in_blocks(x, blocks), items)

    def at(i):
        return tf.nest.map_structure(lambda x: tf.gather(x, i), items)

    def flat(kept):
        return tf.reshape(tf.transpose(kept, [1, 0, 2]), [batch, -1])[:, :count]

    def step(i, kept):
        alive = _survivors_of_earlier(at, kept, i, removes)
        survivors = _survivors_within(removes(at(i), at(i)), alive)
        here = (tf.range(blocks) == i)[:, None, None]
        return i + 1, tf.ensure_shape(tf.where(here, survivors, kept), kept.shape)

    def more(i, kept):
        return (i < blocks) & ~enough(flat(kept), tf.minimum(i * BLOCK, count))

    nothing = tf.zeros([blocks, batch, BLOCK], tf.bool)
    return flat(tf.while_loop(more, step, [0, nothing])[1])


def overlap_removes(threshold):
    """`removes` of boxes [B, A, 4]: of IoU above the threshold."""

    def removes(earlier, later):
        return geometry.pairwise(geometry.iou, earlier, later) > threshold

    return removes


def _in_blocks(x, blocks):
    """[B, A, ...] -> [blocks, B, BLOCK, ...], zeros behind the last."""
    batch, count = tf.shape(x)[0], tf.shape(x)[1]
    paddings = [[0, 0], [0, blocks * BLOCK - count]] + [[0, 0]] * (x.shape.rank - 2)
    x = tf.reshape(tf.pad(x, paddings), [batch, blocks, BLOCK, *x.shape[2:]])
    return tf.transpose(x, [1, 0, *range(2, x.shape.rank)])


def _survivors_of_earlier(at, kept, i, removes):
    """[B, n] bool: the items of block i that no survivor of a block before removes."""
    later = at(i)

    def against(j, alive):
        removed = tf.reduce_any(
            removes(at(j), later) & tf.gather(kept, j)[:, :, None], axis=1
        )
        return j + 1, alive & ~removed

    everything = tf.ones(tf.shape(kept)[1:], tf.bool)
    return tf.while_loop(lambda j, _: j < i, against, [0, everything])[1]


def _survivors_within(removes, candidates):
    """[B, n, n] bool, [B, n] bool -> [B, n] bool survivors of greedy suppression.

    Starting from all candidates, every round removes what a survivor of the round
    before removes. The first item is right after one round, the next after two, and so
    on; two equal rounds are the answer, which real boxes reach in two or three.
    """
    index = tf.range(tf.shape(removes)[-1])
    removes &= index[:, None] < index[None, :]

    def again(survivors, _):
        removed = tf.reduce_any(removes & survivors[:, :, None], axis=1)
        after = candidates & ~removed
        return after, tf.reduce_any(after != survivors)

    return tf.while_loop(
        lambda _, changed: changed, again, [candidates, tf.constant(True)]
    )[0]
