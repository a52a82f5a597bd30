"""The anchors of Faster R-CNN."""

import math

import kit
import numpy as np
import pytest

from od_api.anchors.grid_anchor_generator import GridAnchorGenerator
from od_api.core.errors import UserError


def test_boxes_of_a_cell():
    """Base 256; scale varies faster than ratio; the first centre is the offset."""
    generator = GridAnchorGenerator(
        scales=[0.25, 0.5], aspect_ratios=[0.5, 1.0], height_offset=3, width_offset=5
    )
    assert generator.per_location == [4]
    boxes = generator([(2, 3)], (1, 1)).boxes.numpy()
    root = math.sqrt(2)
    want = [[64 * root, 64 / root], [128 * root, 128 / root], [64, 64], [128, 128]]
    np.testing.assert_allclose((boxes[:, 2:] - boxes[:, :2])[:4], want, rtol=1e-6)
    centers = ((boxes[:, 2:] + boxes[:, :2]) / 2)[::4]
    rows = [[3, 5], [3, 21], [3, 37], [19, 5], [19, 21], [19, 37]]
    np.testing.assert_allclose(centers, rows, atol=1e-4)


@pytest.mark.parametrize("options", [{"scales": [1.0]}, {"aspect_ratios": [1.0]}, {}])
def test_no_anchors(options):
    with pytest.raises(ValueError, match="at least one of scales"):
        GridAnchorGenerator(**options)


def test_one_map_only():
    generator = GridAnchorGenerator(scales=[1.0], aspect_ratios=[1.0])
    with pytest.raises(UserError, match="made for 1 feature map"):
        generator([(2, 2), (1, 1)], (32, 32))


def test_kit():
    generator = GridAnchorGenerator(
        height=64, width=32, scales=[0.5, 1.0], aspect_ratios=[1.0, 2.0]
    )
    kit.check_anchors(generator, [(5, 7)], (80, 112))
