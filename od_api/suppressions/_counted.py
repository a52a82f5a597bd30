"""The boxes that count in a suppression, and when they are alike enough."""

import tensorflow as tf

from od_api.core import ranges
from od_api.layers.ranked_boxes import at_least_one, take

NONE = float("-inf")


def counting(boxes, scores, columns, floor):
    """What a suppression is given, in float32; scores of what does not count are -inf.

    Args:
      boxes: [..., M, 4].
      scores: [..., M].
      columns: {name: [..., M, n]}.
      floor: scalar; only scores above it count.

    Returns:
      boxes, scores, columns; with one that does not count where M is 0 or not known.
    """
    scores = tf.cast(scores, tf.float32)
    scores = tf.where(scores > floor, scores, NONE)
    if not scores.shape[-1]:
        paddings = [[0, 0]] * (scores.shape.rank - 1) + [[0, 1]]
        scores = tf.pad(scores, paddings, constant_values=NONE)
    boxes, columns = tf.nest.map_structure(
        lambda x: at_least_one(tf.cast(x, tf.float32)), (boxes, columns)
    )
    return boxes, scores, columns


def at(given, places):
    """RankedBoxes of m, [..., k] int32 -> the k of them at these places."""
    return given._replace(
        rows=take(given.rows[..., None], places)[..., 0],
        boxes=take(given.boxes, places),
        scores=take(given.scores[..., None], places)[..., 0],
        columns={name: take(x, places) for name, x in given.columns.items()},
    )


def reaches(similarity, threshold, inclusive):
    """Whether similarities suffice; those equal to the threshold where `inclusive`."""
    return similarity >= threshold if inclusive else similarity > threshold


def checked(iou_threshold, inclusive, similarity=None):
    """The threshold.

    Raises:
      ValueError: it is not in 0..1, every box reaches it, or values of the similarity
        lie elsewhere.
    """
    ranges.probability("iou_threshold", iou_threshold)
    if inclusive and iou_threshold == 0:
        raise ValueError(
            "iou_threshold is 0 and inclusive, so that the best box would remove all "
            "others: raise it, or set inclusive: false"
        )
    if similarity is not None and not getattr(similarity, "is_share", False):
        raise ValueError(
            "similarity is not one of 0..1, as iou_threshold is: use iou_similarity"
        )
    return iou_threshold
