"""Boxes on the cells of a map: order and places by hand."""

import numpy as np
import pytest
import tensorflow as tf
from kit import check_graph

from od_api.anchors import _tile
from od_api.core.errors import UserError


def test_sizes_vary_fastest_then_columns_then_rows():
    """Centres at (1, 2) + 10 rows + 20 columns; sizes 2 x 4 and 6 x 2."""
    boxes = _tile.tile_boxes((2, 2), [2.0, 6.0], [4.0, 2.0], (10, 20), (1, 2))
    expected = [
        [0, 0, 2, 4],
        [-2, 1, 4, 3],
        [0, 20, 2, 24],
        [-2, 21, 4, 23],
        [10, 0, 12, 4],
        [8, 1, 14, 3],
        [10, 20, 12, 24],
        [8, 21, 14, 23],
    ]
    np.testing.assert_allclose(boxes, expected)


def test_a_map_of_unknown_size():
    """The same in a graph whose sizes are tensors; no cells give no boxes."""

    def tiled(shape):
        return _tile.tile_boxes((shape[0], shape[1]), [8.0], [8.0], (4, 4), (2, 2))

    boxes = check_graph(tiled, tf.constant([3, 5]))
    assert boxes.shape == (15, 4) and boxes.dtype == tf.float32
    assert tiled([0, 5]).shape == (0, 4)


def test_neighbours_are_a_stride_apart():
    boxes = _tile.tile_boxes((3, 4), [5.0], [7.0], (16, 8), (0, 0)).numpy()
    grid = boxes.reshape(3, 4, 4)
    np.testing.assert_allclose(np.diff(grid, axis=0), [[[16, 0, 16, 0]] * 4] * 2)
    np.testing.assert_allclose(np.diff(grid, axis=1), [[[0, 8, 0, 8]] * 3] * 3)


def test_image_size_is_float():
    height, width = _tile.image_size((tf.constant(300), 200))
    assert (float(height), float(width)) == (300.0, 200.0)
    assert height.dtype == width.dtype == tf.float32


def test_number_of_maps_is_checked():
    _tile.check_maps([(1, 1)] * 2, 2, "a_generator")
    with pytest.raises(UserError, match="a_generator is made for 2 feature maps and"):
        _tile.check_maps([(1, 1)] * 3, 2, "a_generator")
