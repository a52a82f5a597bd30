"""Maps moved by one cell."""

import keras
import numpy as np

from od_api.layers.next_cells import NextCells


def test_what_is_right_below():
    """Of 1 2 3 in three rows, 4 5 6 and 7 8 9; zeros at the end."""
    x = keras.Input([None, None, 1])
    model = keras.Model(x, NextCells()(x))
    made = model(np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1))
    expected = [[5, 6, 0], [8, 9, 0], [0, 0, 0]]
    np.testing.assert_array_equal(made[0, :, :, 0], expected)
