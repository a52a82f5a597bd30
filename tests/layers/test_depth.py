"""Depths under a multiplier."""

import pytest

from od_api.layers.depth import scaled_depth


@pytest.mark.parametrize(
    "depth, multiplier, least, expected",
    [(512, 0.75, 16, 384), (64, 0.1, 16, 16), (10, 0.39, 1, 3), (256, 1.0, 16, 256)],
)
def test_scaled_depth_rounds_down_and_keeps_the_least(
    depth, multiplier, least, expected
):
    assert scaled_depth(depth, multiplier, least) == expected
