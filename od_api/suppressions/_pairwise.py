"""What suppressions share that look at all pairs of boxes at once."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.layers.ranked_boxes import best_of, ranked
from od_api.suppressions._counted import NONE, counting


class Pairwise:
    """Looks at all pairs of boxes at once, in static shapes.

    A subclass says what becomes of them, in `changed(given)`: RankedBoxes of m boxes ->
    the same with new scores, -inf for what is removed, and new boxes.

    Attributes:
      columns: names of the columns that `changed` reads.
      needs_all: whether boxes can change those in front of them.
      default_candidates: so many of a class are given to it unless `max_candidates`
        says otherwise.
    """

    columns = ()
    needs_all = False
    # As YOLACT. Memory and time grow with the square: 90 classes have 14 MB a matrix.
    default_candidates = 200

    def suppress(self, boxes, scores, columns, limit, floor):
        """The boxes that are kept, the best score first.

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
        given = ranked(*counting(boxes, scores, columns, floor))
        left = self.changed(given)
        return best_of(left, tf.where(left.scores > floor, left.scores, NONE), limit)

    def static(self):
        """The same without loops over leading axes, of static shapes: it is so."""
        return self


def similarities(similarity, boxes):
    """[..., m, 4] -> [..., m, m] by a similarity part; None is IoU."""
    if similarity is None:
        return geometry.pairwise(geometry.iou, boxes, boxes)
    return similarity(boxes, boxes)


def of_better(real):
    """[..., m] bool -> [..., m, m] bool: both are real, and i is in front of j."""
    places = tf.range(tf.shape(real)[-1])
    in_front = places[:, None] < places
    return in_front & real[..., :, None] & real[..., None, :]


def removed_by(standing, removes):
    """[..., m] bool, [..., m, m] bool -> [..., m] bool: what those that stand remove.

    Args:
      standing: which boxes stand.
      removes: True at (i, j) where i removes j if it stands.
    """
    return tf.reduce_any(removes & standing[..., None], axis=-2)


def survivors(removes, real):
    """[..., m, m] bool, [..., m] bool -> [..., m] bool: greedy suppression.

    Each round removes what a survivor of the round before removes, out of all boxes.
    The first box is right from the start, the next after one round, and so on: two
    equal rounds are the answer. They are as many as the longest chain of boxes that
    remove each other, a handful on images. Source: Zheng et al., Enhancing Geometric
    Factors in Model Learning and Inference, 2021, Cluster-NMS.

    Args:
      removes: True at (i, j) where i removes j if it survives; of i < j only.
      real: False is no box.
    """

    def again(standing, _):
        after = real & ~removed_by(standing, removes)
        return after, tf.reduce_any(after != standing)

    return tf.while_loop(lambda _, changed: changed, again, [real, tf.constant(True)])[
        0
    ]


def owned(standing, removes):
    """As `removed_by`, but [..., m, m] bool: which box removes which.

    Returns:
      True at (i, j) where i is the first that stands and removes j.
    """
    by = removes & standing[..., :, None]
    first = tf.argmax(tf.cast(by, tf.float32), axis=-2, output_type=tf.int32)
    places = tf.range(tf.shape(first)[-1])
    return by & (places[:, None] == first[..., None, :])


def averaged(weights, scores, boxes):
    """Each box becomes the mean of itself, of weight 1, and others; times their scores.

    Args:
      weights: [..., m, m], of box j in the mean of box i at (i, j); 0 at (i, i).
      scores: [..., m], -inf where there is no box.
      boxes: [..., m, 4].

    Returns:
      [..., m, 4]; a box whose weights sum up to 0 stays where it is.
    """
    own = tf.where(scores > NONE, scores, 0.0)
    weights *= own[..., None, :]
    total = own + tf.reduce_sum(weights, axis=-1)
    # Edge by edge: sums instead of a product of matrices, which GPUs round to 10 bits.
    edges = [
        own * edge + tf.reduce_sum(weights * edge[..., None, :], axis=-1)
        for edge in tf.unstack(boxes, axis=-1)
    ]
    means = tf.math.divide_no_nan(tf.stack(edges, axis=-1), total[..., None])
    return tf.where(total[..., None] > 0.0, means, boxes)
