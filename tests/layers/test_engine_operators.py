"""Graphs are for other engines inside of the context alone, and where it is wanted."""

import tensorflow as tf

from od_api.layers.bilinear_crops import matmul_crop_and_resize
from od_api.layers.engine_operators import engine_operators, is_wanted


def test_only_inside():
    assert not is_wanted()
    with engine_operators():
        assert is_wanted()
        with engine_operators(False):
            assert not is_wanted()
        assert is_wanted()
    assert not is_wanted()


def operations_of_crops():
    def crops(maps, boxes):
        return matmul_crop_and_resize(maps, boxes, (80, 80), (3, 3))

    specs = tf.TensorSpec([1, 8, 8, 2]), tf.TensorSpec([1, 4, 4])
    graph = tf.function(crops).get_concrete_function(*specs).graph
    return {operation.type for operation in graph.get_operations()}


def test_crops_are_left_to_the_engine():
    assert "CropAndResize" not in operations_of_crops()
    with engine_operators():
        assert "CropAndResize" in operations_of_crops()
