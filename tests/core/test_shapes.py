"""Sizes of images and maps, known and unknown."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core import shapes


def traced(function, *shape):
    """What `function` returns for a tensor of that shape while a graph is made."""
    found = []

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def graph(x):
        found.append(function(x))
        return x

    graph.get_concrete_function()
    return found[-1]


def test_spatial_shape_is_of_numbers_or_of_tensors():
    assert shapes.spatial_shape(tf.zeros([2, 5, 7, 3])) == (5, 7)
    assert traced(shapes.spatial_shape, None, 5, 7, 3) == (5, 7)
    for shape in ((2, None, 7, 3), (2, 5, None, 3)):
        height, width = traced(shapes.spatial_shape, *shape)
        assert tf.is_tensor(height) and tf.is_tensor(width)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 5, 7, 3), (2, 5, 7, 3)),
        ((2, None, None, 3), (2, None, None, 3)),
        ((2, 5, None, 3), (2, None, None, 3)),
        ((None, None, 7, 3), (None, None, None, 3)),
    ],
)
def test_both_sides_are_known_or_none(shape, expected):
    images = traced(shapes.known_or_unknown, *shape)
    assert tuple(images.shape.as_list()) == expected


def test_image_windows():
    windows = shapes.image_windows(tf.constant([[5, 7], [1, 2]]))
    np.testing.assert_array_equal(windows, [[0, 0, 5, 7], [0, 0, 1, 2]])
    assert windows.dtype == tf.float32


@pytest.mark.parametrize(
    ("multiple", "expected"), [(1, (5, 8)), (0, (5, 8)), (4, (8, 8)), (16, (16, 16))]
)
def test_pad_to_multiple_adds_zeros_below_and_to_the_right(multiple, expected):
    padded = shapes.pad_to_multiple(tf.ones([1, 5, 8, 3]), multiple)
    assert padded.shape[1:3] == expected
    np.testing.assert_array_equal(padded[:, :5, :8], np.ones([1, 5, 8, 3]))
    assert float(tf.reduce_sum(padded)) == 5 * 8 * 3
