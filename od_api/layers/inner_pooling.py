"""Centre pooling and cascade corner pooling: evidence from inside of an object.

Duan et al., CenterNet: Keypoint Triplets for Object Detection, ICCV 2019, section 3.3.
"""

import tensorflow as tf

from od_api.layers.corner_pooling import (
    bottom_pool,
    left_pool,
    right_pool,
    top_pool,
)


def center_pool(rows, columns):
    """Two maps [B, h, w, C] -> at each cell the sum of two maxima.

    Args:
      rows: of it the maximum of the cell's whole row.
      columns: of it the maximum of the cell's whole column.
    """
    return tf.reduce_max(rows, axis=2, keepdims=True) + tf.reduce_max(
        columns, axis=1, keepdims=True
    )


def cascade_top_left_pool(rows, columns, look_right, look_down, between=None):
    """Maps [B, h, w, C] -> maxima along a box's edges that see inside, at its corner.

    Along the left edge go maxima of `columns` and of what lies to the right of it;
    along the top edge maxima of `rows` and of what lies below.

    Args:
      rows, columns: as in `top_left_pool`.
      look_right: of it the maximum to the right is added to `columns`.
      look_down: of it the maximum below is added to `rows`.
      between: None, or (layer, layer) on the two sums, of rows and of columns, before
        the second maximum.
    """
    return _cascade(
        rows, columns, (look_right, look_down), between, left_pool, top_pool
    )


def cascade_bottom_right_pool(rows, columns, look_left, look_up, between=None):
    """`cascade_top_left_pool` of the bottom-right corner: to the left and above."""
    return _cascade(
        rows, columns, (look_left, look_up), between, right_pool, bottom_pool
    )


def _cascade(rows, columns, looks, between, along_row, along_column):
    across, down = looks
    columns, rows = columns + along_row(across), rows + along_column(down)
    if between is not None:
        rows, columns = between[0](rows), between[1](columns)
    return along_row(rows) + along_column(columns)
