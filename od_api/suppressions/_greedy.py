"""What suppressions share that visit boxes best first and only keep or remove."""

from typing import NamedTuple

import tensorflow as tf

from od_api.layers.greedy_mask import greedy_mask
from od_api.layers.ranked_boxes import best_of, ranked


class Candidates(NamedTuple):
    """Boxes that may remove each other.

    Attributes:
      boxes: [B, n, 4]; B is all leading axes of the scores as one.
      columns: {name: [B, n, c]}, those that the suppression asks for.
    """

    boxes: tf.Tensor
    columns: dict


class Greedy:
    """Boxes best score first; each that is kept removes some of those after it.

    A subclass says which, in `removes(kept, others)`: two Candidates of n and m boxes
    -> [B, n, m] bool, whether the kept one removes the other.

    Attributes:
      columns: names of the columns that `removes` reads.
      needs_all: False: what lies behind a kept box in the ranking cannot change it.
    """

    columns = ()
    needs_all = False

    def suppress(self, boxes, scores, columns, limit, floor):
        """The boxes that are kept.

        Equal scores are visited in the order of the input.

        Args:
          boxes: [..., M, 4]; a leading axis of 1 stands for all of the scores' axis.
          scores: [..., M].
          columns: {name: [..., M, n]}, likewise.
          limit: int, how many are kept at most.
          floor: scalar; only scores above it count.

        Returns:
          Kept.
        """
        best = ranked(boxes, scores, {name: columns[name] for name in self.columns})
        values = left_scores(best, self.removes, floor, limit)
        return best_of(best, values, limit)

    def static(self):
        """The same without loops over leading axes, of static shapes: it is so."""
        return self


def left_scores(best, removes, floor, limit=None):
    """The scores of RankedBoxes, -inf where a kept box in front removes them.

    Args:
      best: RankedBoxes of m.
      removes: as `Greedy.removes`.
      floor: scalar; only scores above it count.
      limit: int; what is behind so many kept ones may be -inf, too; None: nothing is.

    Returns:
      [..., m].
    """
    counts = best.scores > floor
    mask = greedy_mask(
        tf.nest.map_structure(_one_axis_in_front, Candidates(best.boxes, best.columns)),
        removes,
        _enough(_one_axis_in_front(counts[..., None])[..., 0], limit),
    )
    kept = tf.reshape(mask, tf.shape(counts)) & counts
    return tf.where(kept, best.scores, float("-inf"))


def _one_axis_in_front(x):
    """[..., M, n] -> [B, M, n]."""
    lead = tf.reduce_prod(tf.shape(x)[:-2])
    known = x.shape[:-2].num_elements()
    x = tf.reshape(x, tf.concat([[lead], tf.shape(x)[-2:]], axis=0))
    return tf.ensure_shape(x, [known, *x.shape[-2:]])


def _enough(counts, limit):
    """[B, M] bool, the first ones True -> when `greedy_mask` may end."""
    number = tf.reduce_sum(tf.cast(counts, tf.int32), axis=1)

    def enough(mask, seen):
        if limit is None:
            return tf.reduce_all(seen >= number)
        kept = tf.reduce_sum(tf.cast(mask & counts, tf.int32), axis=1)
        return tf.reduce_all((kept >= limit) | (seen >= number))

    return enough
