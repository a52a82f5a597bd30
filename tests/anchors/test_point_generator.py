"""Points of a pyramid."""

import kit
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.anchors.point_generator import PointGenerator
from od_api.core.errors import UserError
from od_api.core.registry import build
from od_api.protos import anchor_generator_pb2


def test_values():
    """Stride 1: floor(1 / 2) = 0; stride 2: 1 and 3; rows before columns."""
    points = PointGenerator(min_level=0, max_level=1)([(1, 3), (2, 1)], (2, 3))
    np.testing.assert_array_equal(
        points.boxes,
        [[0, 0, 0, 0], [0, 1, 0, 1], [0, 2, 0, 2], [1, 1, 1, 1], [3, 1, 3, 1]],
    )
    np.testing.assert_array_equal(points.strides, [[1, 1]] * 3 + [[2, 2]] * 2)
    np.testing.assert_array_equal(points.levels, [0, 0, 0, 1, 1])
    assert points.valid.numpy().all()


def test_count_at_640():
    """80^2 + 40^2 + 20^2 + 10^2 + 5^2 = 8,525; P3's first is at 4, P7's at 64."""
    maps = [(80, 80), (40, 40), (20, 20), (10, 10), (5, 5)]
    points = PointGenerator()(maps, (640, 640))
    assert points.boxes.shape == (8525, 4)
    np.testing.assert_array_equal(points.boxes[0], [4] * 4)
    np.testing.assert_array_equal(points.boxes[-25], [64] * 4)


def test_field():
    message = text_format.Parse(
        "point_generator { max_level: 5 }", anchor_generator_pb2.AnchorGenerator()
    )
    assert build(message).per_location == [1, 1, 1]


@pytest.mark.parametrize("levels", [(5, 4), (-1, 3), (3, 16)])
def test_bad_levels(levels):
    with pytest.raises(ValueError, match="min_level is"):
        PointGenerator(min_level=levels[0], max_level=levels[1])


def test_wrong_number_of_maps():
    with pytest.raises(UserError, match="made for 5 feature maps"):
        PointGenerator()([(8, 8)], (64, 64))


def test_kit():
    maps = [(19, 25), (10, 13), (5, 7)]
    kit.check_anchors(PointGenerator(min_level=4, max_level=6), maps, (300, 400))
