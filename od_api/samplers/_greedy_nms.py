"""Greedy non-maximum suppression of a whole batch, as a mask."""

import tensorflow as tf

# Boxes compared at a time: large enough to keep the number of steps small, small enough
# for a block of overlaps to stay in the processor's cache.
BLOCK = 128


def greedy_nms_mask(boxes, iou_threshold, enough):
    """Which boxes survive when each one removes the later ones that overlap it.

    The same result as `tf.image.non_max_suppression` of boxes that are sorted already,
    but for the whole batch at once, with static shapes, under XLA too, and no further
    down the ranking than is asked for: the work grows with the square of that depth.

    Args:
      boxes: [B, A, 4], best first.
      iou_threshold: a box is removed by an earlier survivor of a larger IoU.
      enough: callable (mask [B, A] bool, seen) -> scalar bool; the mask is final for
        the first `seen` boxes, an int32 scalar. True ends the work.

    Returns:
      [B, A] bool, False for what was not looked at.
    """
    batch, count = tf.shape(boxes)[0], tf.shape(boxes)[1]
    blocks = -(-count // BLOCK)
    padded = tf.pad(boxes, [[0, 0], [0, blocks * BLOCK - count], [0, 0]])
    padded = tf.reshape(padded, [batch, blocks, BLOCK, 4])
    # Coordinates apart from each other: four times as fast as [..., 4].
    padded = tf.transpose(padded, [1, 3, 0, 2])

    def flat(kept):
        return tf.reshape(tf.transpose(kept, [1, 0, 2]), [batch, -1])[:, :count]

    def step(i, kept):
        alive = _survivors_of_earlier(padded, kept, i, iou_threshold)
        overlaps = _overlaps(padded[i], padded[i], iou_threshold)
        survivors = _survivors_within(overlaps, alive)
        here = (tf.range(blocks) == i)[:, None, None]
        return i + 1, tf.ensure_shape(tf.where(here, survivors, kept), kept.shape)

    def more(i, kept):
        return (i < blocks) & ~enough(flat(kept), tf.minimum(i * BLOCK, count))

    nothing = tf.zeros([blocks, batch, BLOCK], tf.bool)
    return flat(tf.while_loop(more, step, [0, nothing])[1])


def _survivors_of_earlier(boxes, kept, i, iou_threshold):
    """[B, n] bool: the boxes of block i that no survivor of a block before removes."""

    def against(j, alive):
        overlaps = _overlaps(boxes[i], boxes[j], iou_threshold)
        removed = tf.reduce_any(overlaps & kept[j][:, None, :], axis=2)
        return j + 1, alive & ~removed

    everything = tf.ones_like(kept[0])
    return tf.while_loop(lambda j, _: j < i, against, [0, everything])[1]


def _survivors_within(overlaps, candidates):
    """[B, n, n] bool, [B, n] bool -> [B, n] bool survivors of greedy suppression.

    Starting from all candidates, every round removes what a survivor of the round
    before removes. The first box is right after one round, the next after two, and so
    on; two equal rounds are the answer, which real boxes reach in two or three.
    """
    index = tf.range(tf.shape(overlaps)[-1])
    overlaps &= index[None, :] < index[:, None]

    def again(survivors, _):
        removed = tf.reduce_any(overlaps & survivors[:, None, :], axis=2)
        after = candidates & ~removed
        return after, tf.reduce_any(after != survivors)

    return tf.while_loop(
        lambda _, changed: changed, again, [candidates, tf.constant(True)]
    )[0]


def _overlaps(boxes, others, iou_threshold):
    """Coordinates [4, B, n] twice -> [B, n, n] bool, IoU above the threshold."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes[:, :, :, None])
    other_ymin, other_xmin, other_ymax, other_xmax = tf.unstack(others[:, :, None, :])
    height = tf.minimum(ymax, other_ymax) - tf.maximum(ymin, other_ymin)
    width = tf.minimum(xmax, other_xmax) - tf.maximum(xmin, other_xmin)
    overlap = tf.nn.relu(height) * tf.nn.relu(width)
    area = tf.nn.relu(ymax - ymin) * tf.nn.relu(xmax - xmin)
    other_area = tf.nn.relu(other_ymax - other_ymin) * tf.nn.relu(
        other_xmax - other_xmin
    )
    # overlap / (area + other_area - overlap) > t, without the division.
    share = iou_threshold / (1.0 + iou_threshold)
    return overlap > share * area + share * other_area
