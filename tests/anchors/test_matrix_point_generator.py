"""Points of a matrix net."""

import kit
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.anchors.matrix_point_generator import MatrixPointGenerator
from od_api.core.errors import UserError
from od_api.core.registry import build
from od_api.protos import anchor_generator_pb2

MAPS = [(4, 5), (4, 3), (2, 5), (2, 3)]


def test_values():
    """Strides 2 and 4: the first points lie at 1 and 2, y and x apart."""
    points = MatrixPointGenerator(min_level=1, max_level=2, steps=1)(MAPS, (8, 10))
    first = [0, 20, 32, 42]
    places = [[1, 1], [1, 2], [2, 1], [2, 2]]
    np.testing.assert_array_equal(points.boxes.numpy()[first, :2], places)
    np.testing.assert_array_equal(
        points.strides.numpy()[first], [[2, 2], [2, 4], [4, 2], [4, 4]]
    )
    np.testing.assert_array_equal(points.levels.numpy()[first], range(4))
    assert points.boxes.shape == (48, 4)


def test_layers():
    text = "matrix_point_generator {}"
    made = build(text_format.Parse(text, anchor_generator_pb2.AnchorGenerator()))
    assert made.per_location == [1] * 19
    assert made.strides[:4] == [(8, 8), (8, 16), (8, 32), (16, 8)]


@pytest.mark.parametrize("text", [(3, 3, 1), (-1, 3, 1), (3, 16, 1), (3, 5, 3)])
def test_mistakes(text):
    low, high, steps = text
    with pytest.raises(ValueError, match="it must be in"):
        MatrixPointGenerator(min_level=low, max_level=high, steps=steps)


def test_wrong_number_of_maps():
    with pytest.raises(UserError, match="made for 19 feature maps"):
        MatrixPointGenerator()([(8, 8)], (64, 64))


def test_kit():
    kit.check_anchors(
        MatrixPointGenerator(min_level=1, max_level=2, steps=1), MAPS, (8, 10)
    )
