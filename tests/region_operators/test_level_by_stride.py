"""The level of a region by the strides of the maps."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import region_operator_pb2
from od_api.region_operators.level_by_count import LevelByCount
from od_api.region_operators.level_by_stride import LevelByStride

STRIDES = {2: 4, 3: 8, 4: 16, 5: 32, 6: 64}


def boxes_of(*sides):
    return tf.constant([[[3.0, 5.0, 3.0 + side, 5.0 + side] for side in sides]])


@pytest.mark.parametrize("finest, coarsest", [(2, 5), (2, 6), (3, 6)])
def test_levels_by_hand(finest, coarsest):
    """224 px are P4, 112 px P3, 448 px P5, whatever other maps there are (T50)."""
    strides = [STRIDES[k] for k in range(finest, coarsest + 1)]
    sides = (1, 111.9, 112, 223.9, 224, 447.9, 448, 895.9, 896, 4000)
    levels = finest + LevelByStride()(boxes_of(*sides), strides)[0]
    want = np.clip([2, 2, 3, 3, 4, 4, 5, 5, 6, 6], finest, coarsest)
    np.testing.assert_array_equal(levels, want)


def test_is_the_old_rule_for_p2_to_p5_alone():
    boxes = boxes_of(*np.linspace(1.0, 900.0, 57))
    old, new = LevelByCount(), LevelByStride()
    np.testing.assert_array_equal(
        old(boxes, [4, 8, 16, 32]), new(boxes, [4, 8, 16, 32])
    )
    longer = [4, 8, 16, 32, 64]
    assert (old(boxes, longer) != new(boxes, longer)).numpy().any()


def test_by_area_and_without_area():
    boxes = tf.constant([[[0.0, 0, 112, 448], [0, 0, 0, 500], [9, 9, 2, 4]]])
    np.testing.assert_array_equal(LevelByStride()(boxes, [4, 8, 16, 32])[0], [2, 0, 0])


def test_levels_that_are_left_out():
    """Of strides 4 and 16 a box of P3 is read from P2."""
    np.testing.assert_array_equal(
        LevelByStride()(boxes_of(112, 224, 448), [4, 16])[0], [0, 1, 1]
    )


def test_another_canonical_box():
    rule = LevelByStride(canonical_level=5, canonical_side=100)
    np.testing.assert_array_equal(rule(boxes_of(99, 100), [16, 32])[0], [0, 1])


def test_refusals():
    with pytest.raises(ValueError, match="needs the strides"):
        LevelByStride()(boxes_of(5), [None, None])
    text = "roi_align { level_rule { level_by_stride { canonical_side: 0 } } }"
    message = text_format.Parse(text, region_operator_pb2.RegionOperator())
    with pytest.raises(ConfigError) as caught:
        build(message)
    assert caught.value.field_path == (
        "roi_align.level_rule.level_by_stride.canonical_side"
    )
