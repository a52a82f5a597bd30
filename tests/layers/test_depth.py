"""Depths under a multiplier."""

import numpy as np
import pytest

from od_api.core.ranges import RangeError
from od_api.layers.depth import checked_multiplier, scaled_depth


@pytest.mark.parametrize(
    "depth, multiplier, least, expected",
    [(512, 0.75, 16, 384), (64, 0.1, 16, 16), (10, 0.39, 1, 3), (256, 1.0, 16, 256)],
)
def test_scaled_depth_rounds_down_and_keeps_the_least(
    depth, multiplier, least, expected
):
    assert scaled_depth(depth, multiplier, least) == expected


def test_multiplier_of_the_schema_is_what_was_written():
    """The float32 nearest to .35 times 160 would be 55.99999, so 55."""
    multiplier = checked_multiplier(float(np.float32(0.35)), 8)
    assert multiplier == 0.35 and scaled_depth(160, multiplier, 8) == 56
    for bad in ((0.0, 8), (11.0, 8), (1.0, -1)):
        with pytest.raises(RangeError):
            checked_multiplier(*bad)
