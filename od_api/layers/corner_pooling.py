"""Corner pooling: what lies along the two edges of a box, seen from its corner.

Law and Deng, CornerNet, ECCV 2018, section 3.5.
"""

import tensorflow as tf

_ROWS, _COLUMNS = 1, 2


def top_pool(maps):
    """[B, h, w, C] -> at each cell the maximum of it and of all below it."""
    return _running_max(maps, _ROWS, from_end=True)


def bottom_pool(maps):
    """[B, h, w, C] -> at each cell the maximum of it and of all above it."""
    return _running_max(maps, _ROWS, from_end=False)


def left_pool(maps):
    """[B, h, w, C] -> at each cell the maximum of it and of all to its right."""
    return _running_max(maps, _COLUMNS, from_end=True)


def right_pool(maps):
    """[B, h, w, C] -> at each cell the maximum of it and of all to its left."""
    return _running_max(maps, _COLUMNS, from_end=False)


def top_left_pool(rows, columns):
    """Two maps [B, h, w, C] -> their sum, pooled along the top and the left edge.

    Args:
      rows: of it the maximum to the right, along the box's top edge.
      columns: of it the maximum below, along the box's left edge.
    """
    return left_pool(rows) + top_pool(columns)


def bottom_right_pool(rows, columns):
    """Two maps [B, h, w, C] -> their sum, pooled along the bottom and the right edge.

    Args:
      rows: of it the maximum to the left.
      columns: of it the maximum above.
    """
    return right_pool(rows) + bottom_pool(columns)


def _running_max(maps, axis, from_end):
    """Maxima of all cells up to each one, of 2, 4, 8, ... at a time.

    The gradient of a maximum goes to the cell that it is of; of equal ones to one.
    """
    size = maps.shape[axis]
    if size is not None:
        shift = 1
        while shift < size:
            maps = _with_neighbour(maps, axis, shift, from_end)
            shift *= 2
        return maps
    size = tf.shape(maps)[axis]
    return tf.while_loop(
        lambda shift, _: shift < size,
        lambda shift, x: (2 * shift, _with_neighbour(x, axis, shift, from_end)),
        (tf.constant(1), maps),
        shape_invariants=(tf.TensorShape([]), maps.shape),
    )[1]


def _with_neighbour(maps, axis, shift, from_end):
    """The maximum of each cell and the one `shift` cells after it, or before it."""
    padding = [[0, 0]] * 4
    padding[axis] = [0, shift] if from_end else [shift, 0]
    cut = [slice(None)] * 4
    cut[axis] = slice(shift, None) if from_end else slice(0, -shift)
    moved = tf.pad(maps[tuple(cut)], padding, constant_values=maps.dtype.min)
    moved.set_shape(maps.shape)
    return tf.maximum(maps, moved)
