"""Ground truth without rows that no image has, and never without any row."""

import tensorflow as tf

_ROWS = ("boxes", "classes", "weights", "valid", "ignored")


def trimmed(targets):
    """`targets` without the rows behind `longest`, but with one row at least.

    Similarities of the other rows would be computed for nothing, and an argmax over no
    ground truth at all is an error in TensorFlow. Indices of boxes stay what they were;
    masks are left out of it.
    """
    rows = {name: getattr(targets, name) for name in _ROWS}
    rows = {name: value for name, value in rows.items() if value is not None}
    if not targets.boxes.shape[1]:
        rows = {name: _with_one_more(value) for name, value in rows.items()}
    if targets.longest is not None:
        count = tf.maximum(targets.longest, 1)
        rows = {name: value[:, :count] for name, value in rows.items()}
    return targets._replace(**rows)


def _with_one_more(value):
    return tf.pad(value, [[0, 0], [0, 1], *[[0, 0]] * (value.shape.rank - 2)])
