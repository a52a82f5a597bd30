"""What suppressions share that keep box after box, each changing others' scores."""

import tensorflow as tf

from od_api.core.types import Kept
from od_api.layers.ranked_boxes import take
from od_api.suppressions._counted import NONE, counting
from od_api.suppressions._greedy import Candidates


class OneAtATime:
    """Keeps the best box, changes the scores of those that are left, and so on.

    One loop over the limit for all leading axes, of static shapes. A subclass says how
    scores change, in `factor(kept, others)`: Candidates of 1 and of m boxes ->
    [..., m], what the scores of the others are multiplied by: 0 removes, 1 does
    nothing. Their leading axes may be 1 where those of the scores are not.

    Attributes:
      columns: names of the columns that `factor` reads.
      needs_all: False: a box cannot change those in front of it.
    """

    columns = ()
    needs_all = False

    def suppress(self, boxes, scores, columns, limit, floor):
        """The boxes that are kept, in the order of being kept: of falling score.

        Of equal scores the first in the input is the best.

        Args:
          boxes: [..., M, 4]; a leading axis of 1 stands for all of the scores' axis.
          scores: [..., M].
          columns: {name: [..., M, n]}, likewise.
          limit: int, how many are kept at most.
          floor: scalar; only scores above it count, also after they were changed.

        Returns:
          Kept.
        """
        columns = {name: columns[name] for name in self.columns}
        boxes, scores, columns = counting(boxes, scores, columns, floor)
        everywhere, order = tf.range(tf.shape(scores)[-1]), tf.range(limit)
        given = Candidates(boxes, columns)

        def more(i, left, *_):
            return (i < limit) & tf.reduce_any(left > NONE)

        def keep_one(i, left, rows, values):
            best = tf.argmax(left, axis=-1, output_type=tf.int32)[..., None]
            highest = tf.reduce_max(left, axis=-1, keepdims=True)
            kept = tf.nest.map_structure(lambda x: take(x, best), given)
            factor = self.factor(kept, given)
            # Scores may be below 0: one times 0 is removed all the same.
            stays = (factor > 0.0) & (left * factor > floor) & (everywhere != best)
            left = tf.where(stays, left * factor, NONE)
            rows = tf.where((order == i) & (highest > NONE), best, rows)
            return i + 1, left, rows, tf.where(order == i, highest, values)

        shape = tf.concat([tf.shape(scores)[:-1], [limit]], axis=0)
        start = (0, scores, tf.zeros(shape, tf.int32), tf.fill(shape, NONE))
        _, _, rows, values = tf.while_loop(more, keep_one, start)
        shape = [*scores.shape[:-1], limit]
        rows, values = tf.ensure_shape(rows, shape), tf.ensure_shape(values, shape)
        return Kept(rows=rows, scores=values, boxes=take(boxes, rows))

    def static(self):
        """The same without loops over leading axes, of static shapes: it is so."""
        return self
