"""What every assigner does before it looks at similarities."""

import tensorflow as tf

from od_api.core.types import prior_boxes

# Below every similarity, and finite, so that it can be compared and multiplied.
NEVER = tf.float32.min
_ROWS = ("boxes", "classes", "weights", "valid")


def similarities(similarity, anchors, targets):
    """The similarity of every ground-truth box with every anchor, padding never near.

    Args:
      similarity: callable [..., M, 4], [..., N, 4] -> [..., M, N].
      anchors: Priors, or boxes [A, 4] or [B, A, 4].
      targets: `Targets` with at least one row of boxes, see `trimmed`.

    Returns:
      [B, G, A] float32, NEVER in padding; no gradient flows through it.
    """
    values = similarity(targets.boxes, prior_boxes(anchors))
    values = tf.where(targets.valid[:, :, None], values, NEVER)
    return tf.stop_gradient(values)


def trimmed(targets):
    """`targets` without the rows behind `longest`, but with one row at least.

    Similarities of the other rows would be computed for nothing, and an argmax over no
    ground truth at all is an error in TensorFlow. Indices of boxes stay what they were;
    masks are left out of it.
    """
    rows = {name: getattr(targets, name) for name in _ROWS}
    if not targets.boxes.shape[1]:
        rows = {name: _with_one_more(value) for name, value in rows.items()}
    if targets.longest is not None:
        count = tf.maximum(targets.longest, 1)
        rows = {name: value[:, :count] for name, value in rows.items()}
    return targets._replace(**rows)


def _with_one_more(value):
    return tf.pad(value, [[0, 0], [0, 1], *[[0, 0]] * (value.shape.rank - 2)])
