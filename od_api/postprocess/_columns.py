"""Which column of a score tensor a class id of a calibration config means."""

import tensorflow as tf


def column_of(class_id, num_columns, num_classes):
    """The column of a 1-based class id; id 0 is the background.

    Args:
      class_id: as in the label map.
      num_columns: C, the size of the last axis.
      num_classes: K without background; None takes column 0 for the background.

    Raises:
      ValueError: there is no such column.
    """
    with_background = num_classes is None or num_columns > num_classes
    column = class_id if with_background else class_id - 1
    if not 0 <= column < num_columns:
        first = 0 if with_background else 1
        raise ValueError(
            f"calibration for class id {class_id}, but ids go from {first} to "
            f"{num_columns - 1 + first}"
        )
    return column


def per_column(scores, functions, num_classes):
    """Applies {class id: function} to the columns of `scores` [..., C].

    Columns without a function stay as they are.
    """
    size = scores.shape[-1]
    by_column = {column_of(i, size, num_classes): f for i, f in functions.items()}
    columns = tf.unstack(scores, num=size, axis=-1)
    columns = [by_column[i](x) if i in by_column else x for i, x in enumerate(columns)]
    return tf.stack(columns, axis=-1)
