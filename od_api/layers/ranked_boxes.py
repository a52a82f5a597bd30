"""Boxes of any leading axes by falling score, and what is kept of them."""

import functools
import operator
from typing import NamedTuple

import tensorflow as tf

from od_api.core.types import Kept


class RankedBoxes(NamedTuple):
    """The best m of M boxes, best first; equal scores in the order of the input.

    Attributes:
      rows: [..., m] int32, their places among the M.
      boxes: [..., m, 4] float32.
      scores: [..., m] float32.
      columns: {name: [..., m, n]}.
    """

    rows: tf.Tensor
    boxes: tf.Tensor
    scores: tf.Tensor
    columns: dict


def ranked(boxes, scores, columns, count=0):
    """The best `count` boxes (0: all) by score.

    Args:
      boxes: [..., M, 4]; a leading axis of 1 stands for all of the scores' axis.
      scores: [..., M].
      columns: {name: [..., M, n]}, likewise.
      count: int; more than M is M.

    Returns:
      RankedBoxes.
    """
    scores = tf.cast(scores, tf.float32)
    size = scores.shape[-1] or tf.shape(scores)[-1]
    if count:
        size = min(count, size) if isinstance(size, int) else tf.minimum(count, size)
    values, rows = tf.math.top_k(scores, size)
    return RankedBoxes(
        rows=rows,
        boxes=take(tf.cast(boxes, tf.float32), rows),
        scores=values,
        columns={name: take(x, rows) for name, x in columns.items()},
    )


def take(values, rows):
    """[..., M, *], [..., m] -> [..., m, *]: the values of those rows.

    An axis of size 1 in front of the values' M stands for all of the rows' axis. The
    gather is a plain one, out of all lists as one: OpenVINO's of batches crashes.
    """
    values, rows = tf.convert_to_tensor(values), tf.convert_to_tensor(rows)
    lead = rows.shape.rank - 1
    shape = known_shape(values)
    lists, size, tail = shape[:lead], shape[lead], shape[lead + 1 :]
    number = functools.reduce(operator.mul, lists, 1)
    if not (isinstance(number, int) and number == 1):
        first = size * tf.range(number)
        rows += tf.reshape(first, [*lists, 1])
    return tf.gather(tf.reshape(values, [number * size, *tail]), rows)


def known_shape(x):
    """The shape as a list, with ints where they are known."""
    if x.shape.is_fully_defined():
        return x.shape.as_list()
    dynamic = tf.unstack(tf.shape(x))
    return [d if s is None else s for s, d in zip(x.shape, dynamic, strict=True)]


def at_least_one(values):
    """[..., M, n], with a row of zeros behind them where M is 0 or not known.

    Row 0 stands for nothing, and a gather out of nothing is an error in TensorFlow.
    """
    values = tf.convert_to_tensor(values)
    if values.shape[-2]:
        return values
    return tf.pad(values, [[0, 0]] * (values.shape.rank - 2) + [[0, 1], [0, 0]])


def best_of(ranked_boxes, scores, limit, boxes=None):
    """The `limit` best of RankedBoxes by other scores, as Kept.

    Args:
      ranked_boxes: RankedBoxes.
      scores: [..., m] after suppression, -inf for what is removed.
      limit: int.
      boxes: [..., m, 4] that are returned; None: those of `ranked_boxes`.
    """
    scores = tf.convert_to_tensor(scores)
    if boxes is None:
        boxes = ranked_boxes.boxes
    size = scores.shape[-1] or tf.shape(scores)[-1]
    size = min(limit, size) if isinstance(size, int) else tf.minimum(limit, size)
    values, order = tf.math.top_k(scores, size)
    return kept(take(ranked_boxes.rows, order), values, take(boxes, order), limit)


def kept(rows, scores, boxes, limit):
    """Kept of at most `limit` boxes, best first; nothing, where a score is -inf.

    Args:
      rows: [..., m] int32.
      scores: [..., m].
      boxes: [..., m, 4].
      limit: int.
    """
    real = scores > float("-inf")
    found = Kept(
        rows=tf.where(real, rows, 0),
        scores=scores,
        boxes=tf.where(real[..., None], boxes, 0.0),
    )
    size = scores.shape[-1]
    if size == limit:
        return found
    axis = scores.shape.rank - 1
    missing = limit - (size or tf.shape(scores)[-1])
    return Kept(
        rows=_padded(found.rows, axis, missing, limit, 0),
        scores=_padded(found.scores, axis, missing, limit, float("-inf")),
        boxes=_padded(found.boxes, axis, missing, limit, 0.0),
    )


def _padded(x, axis, missing, limit, value):
    """x with `missing` more entries along an axis, which then has `limit`."""
    paddings = [[0, 0]] * x.shape.rank
    paddings[axis] = [0, missing]
    x = tf.pad(x, paddings, constant_values=value)
    return tf.ensure_shape(x, [*x.shape[:axis], limit, *x.shape[axis + 1 :]])
