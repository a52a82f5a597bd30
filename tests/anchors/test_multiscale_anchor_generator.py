"""The anchors of RetinaNet."""

import math

import kit
import numpy as np
import pytest

from od_api.anchors.multiscale_anchor_generator import MultiscaleAnchorGenerator
from od_api.core.errors import UserError

RATIOS = [1.0, 2.0, 0.5]


def test_count_at_640():
    """6 * (80^2 + 40^2 + 20^2 + 10^2 + 5^2) = 51,150."""
    generator = MultiscaleAnchorGenerator(aspect_ratios=RATIOS)
    assert generator.per_location == [6] * 5
    maps = [(80, 80), (40, 40), (20, 20), (10, 10), (5, 5)]
    assert generator(maps, (640, 640)).boxes.shape == (51150, 4)


def test_sizes_of_a_level():
    """Level 5, anchor scale 4: side 128 and 128 sqrt 2, for every ratio in turn."""
    generator = MultiscaleAnchorGenerator(
        min_level=5, max_level=5, aspect_ratios=RATIOS
    )
    boxes = generator([(2, 2)], (64, 64)).boxes.numpy()
    sizes = (boxes[:, 2:] - boxes[:, :2])[:6]
    sides = [128, 128 * math.sqrt(2)]
    want = [[s / math.sqrt(r), s * math.sqrt(r)] for r in RATIOS for s in sides]
    np.testing.assert_allclose(sizes, want, rtol=1e-6)
    centers = ((boxes[:, 2:] + boxes[:, :2]) / 2)[::6]
    np.testing.assert_allclose(
        centers, [[16, 16], [16, 48], [48, 16], [48, 48]], atol=1e-4
    )


def test_no_offset_where_the_image_is_no_multiple_of_the_stride():
    """320 is 10 strides of 32, 300 is not: rows start at 16, columns at 0."""
    generator = MultiscaleAnchorGenerator(min_level=5, max_level=5, aspect_ratios=[1.0])
    boxes = generator([(10, 10)], (320, 300)).boxes.numpy()
    np.testing.assert_allclose((boxes[0, 2:] + boxes[0, :2]) / 2, [16, 0], atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"aspect_ratios": []},
        {"aspect_ratios": [1.0], "scales_per_octave": 0},
        {"aspect_ratios": [1.0], "min_level": 6, "max_level": 5},
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match=r"no anchors|min_level|octave is 0"):
        MultiscaleAnchorGenerator(**options)


def test_wrong_number_of_maps():
    with pytest.raises(UserError, match="made for 5 feature maps"):
        MultiscaleAnchorGenerator(aspect_ratios=RATIOS)([(8, 8)], (64, 64))


def test_kit():
    generator = MultiscaleAnchorGenerator(
        min_level=4, max_level=6, aspect_ratios=RATIOS
    )
    kit.check_anchors(generator, [(19, 25), (10, 13), (5, 7)], (300, 400))
