"""Graphs are for other engines inside of the context alone, and where it is wanted."""

import math

import tensorflow as tf

from od_api.layers.bilinear_crops import matmul_crop_and_resize
from od_api.layers.engine_operators import (
    are_boxes_inside,
    boxes_inside,
    engine_operators,
    is_wanted,
)


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
    return {operation.type: operation for operation in graph.get_operations()}


def test_crops_are_left_to_the_engine():
    assert "CropAndResize" not in operations_of_crops()
    with engine_operators():
        assert "CropAndResize" in operations_of_crops()


def value_outside():
    with engine_operators():
        crops = operations_of_crops()["CropAndResize"]
    return crops.get_attr("extrapolation_value")


def test_boxes_inside_have_no_value_outside():
    assert value_outside() == 0.0 and not are_boxes_inside()
    with boxes_inside():
        assert math.isnan(value_outside())
        with boxes_inside(False):
            assert value_outside() == 0.0
    assert value_outside() == 0.0
