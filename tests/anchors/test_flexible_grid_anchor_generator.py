"""Anchors that are spelled out for each map."""

import kit
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.anchors.flexible_grid_anchor_generator import (
    AnchorGrid,
    FlexibleGridAnchorGenerator,
)
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import flexible_grid_anchor_generator_pb2 as flexible_pb2

CONFIG = """
  anchor_grid { base_sizes: [32, 64] aspect_ratios: [1, 4]
                height_stride: 16 width_stride: 8 }
  anchor_grid { base_sizes: 100 aspect_ratios: 1 height_stride: 40 width_stride: 30
                height_offset: 20 width_offset: 15 }
"""


def generator_of(text):
    return build(text_format.Parse(text, flexible_pb2.FlexibleGridAnchorGenerator()))


def test_values():
    """Ratio 4 of base 64: 32 high, 128 wide. Three maps' cells, then one."""
    generator = generator_of(CONFIG)
    assert generator.per_location == [2, 1]
    want = [
        [-16, -16, 16, 16],
        [-16, -64, 16, 64],
        [-16, -8, 16, 24],
        [-16, -56, 16, 72],
        [-30, -35, 70, 65],
    ]
    np.testing.assert_allclose(
        generator([(1, 2), (1, 1)], (40, 40)).boxes, want, atol=1e-4
    )


def test_count_of_the_original_ssd300():
    """4, 6, 6, 6, 4, 4 boxes on maps of 38, 19, 10, 5, 3, 1: 8732."""
    sides, sizes = [38, 19, 10, 5, 3, 1], [30, 60, 111, 162, 213, 264]
    grids = [
        AnchorGrid(
            base_sizes=[size] * count,
            aspect_ratios=[1.0, 1.0, 2.0, 0.5, 3.0, 1 / 3][:count],
            height_stride=300 // side,
            width_stride=300 // side,
        )
        for side, size, count in zip(sides, sizes, [4, 6, 6, 6, 4, 4], strict=True)
    ]
    generator = FlexibleGridAnchorGenerator(anchor_grid=grids)
    assert generator([(side, side) for side in sides], (300, 300)).boxes.shape == (
        8732,
        4,
    )


def test_a_map_without_anchors():
    generator = generator_of(f"{CONFIG} anchor_grid {{}}")
    assert generator.per_location == [2, 1, 0]
    maps = [(1, 2), (1, 1)]
    found = generator([*maps, (3, 3)], (40, 40))
    kit.assert_same(found, generator_of(CONFIG)(maps, (40, 40)))


def test_one_ratio_for_all_sizes():
    grid = AnchorGrid(
        base_sizes=[8, 16], aspect_ratios=[1.0], height_stride=8, width_stride=8
    )
    assert grid.heights == grid.widths == [8, 16]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one anchor_grid for each"),
        ("anchor_grid {} anchor_grid {}", "one anchor_grid for each"),
        ("anchor_grid { base_sizes: 1 }", r"anchor_grid\[0\].*neither for a map"),
        (
            "anchor_grid { base_sizes: [1, 2, 3] aspect_ratios: [1, 2] }",
            r"anchor_grid\[0\].*3 numbers",
        ),
        ("anchor_grid { base_sizes: 1 aspect_ratios: 1 }", "height_stride"),
    ],
)
def test_bad_options(text, message):
    with pytest.raises(ConfigError, match=message):
        generator_of(text)


def test_kit():
    generator = FlexibleGridAnchorGenerator(
        anchor_grid=[
            AnchorGrid(
                base_sizes=[20, 30],
                aspect_ratios=[1.0, 2.0],
                height_stride=16,
                width_stride=16,
            )
        ]
        * 2
    )
    kit.check_anchors(generator, [(4, 5), (2, 3)], (64, 80))
