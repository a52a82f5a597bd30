"""The anchors of SSD."""

import math

import kit
import numpy as np
import pytest

from od_api.anchors.ssd_anchor_generator import SsdAnchorGenerator, SsdAnchorLayer
from od_api.core.errors import UserError

MAPS_300 = [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]
RATIOS = [1.0, 2.0, 0.5, 3.0, 1 / 3]


def center_sizes(boxes):
    boxes = np.asarray(boxes)
    return np.concatenate(
        [(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1
    )


def test_count_of_the_study():
    """3 * 19^2 + 6 * (10^2 + 5^2 + 3^2 + 2^2 + 1) = 1917."""
    generator = SsdAnchorGenerator(aspect_ratios=RATIOS)
    assert generator.per_location == [3, 6, 6, 6, 6, 6]
    assert generator(MAPS_300, (300, 300)).boxes.shape == (1917, 4)


def test_lowest_layer():
    """Cell (0, 0) of 19 at 300 px: centre 300 / 38; sides 30, and 60 / and * sqrt 2."""
    boxes = SsdAnchorGenerator(aspect_ratios=RATIOS)(MAPS_300, (300, 300)).boxes
    center, root = 300 / 38, math.sqrt(2)
    want = [
        [center, center, 30, 30],
        [center, center, 60 / root, 60 * root],
        [center, center, 60 * root, 60 / root],
    ]
    np.testing.assert_allclose(center_sizes(boxes[:3]), want, atol=1e-4)
    # The next anchors lie one column to the right.
    np.testing.assert_allclose(
        center_sizes(boxes[3:4]), [[center, 3 * center, 30, 30]], atol=1e-4
    )


def test_other_layers():
    """The second scale is 0.35, the third 0.5: sides 105, and 300 sqrt(.35 * .5)."""
    boxes = SsdAnchorGenerator(aspect_ratios=RATIOS)(MAPS_300, (300, 300)).boxes
    sizes = center_sizes(boxes[1083:1089])[:, 2:]
    want = [[105 / math.sqrt(r), 105 * math.sqrt(r)] for r in RATIOS]
    want.append([300 * math.sqrt(0.175)] * 2)
    np.testing.assert_allclose(sizes, want, atol=1e-4)


def test_last_interpolated_box_lies_between_its_scale_and_1():
    boxes = SsdAnchorGenerator(aspect_ratios=[1.0])(MAPS_300, (300, 300)).boxes
    sizes = center_sizes(boxes[-2:])[:, 2:]
    want = [[285, 285], [300 * math.sqrt(0.95)] * 2]
    np.testing.assert_allclose(sizes, want, atol=1e-4)


def test_sizes_follow_the_shorter_side():
    """On 200 x 400, 2 x 4 cells: strides of 100, squares of 0.2 * 200."""
    generator = SsdAnchorGenerator(
        num_layers=1,
        aspect_ratios=[1.0],
        reduce_boxes_in_lowest_layer=False,
        interpolated_scale_aspect_ratio=0.0,
    )
    boxes = center_sizes(generator([(2, 4)], (200, 400)).boxes)
    np.testing.assert_allclose(boxes[:, 2:], 40, atol=1e-4)
    np.testing.assert_allclose(boxes[:, 1], [50, 150, 250, 350] * 2, atol=1e-4)
    np.testing.assert_allclose(boxes[:, 0], [50] * 4 + [150] * 4, atol=1e-4)


def test_explicit_scales_strides_offsets_and_base():
    generator = SsdAnchorGenerator(
        num_layers=1,
        scales=[0.5],
        aspect_ratios=[1.0],
        reduce_boxes_in_lowest_layer=False,
        interpolated_scale_aspect_ratio=0.0,
        base_anchor_height=0.5,
        base_anchor_width=2.0,
        height_stride=[10],
        width_stride=[20],
        height_offset=[3],
        width_offset=[4],
    )
    boxes = center_sizes(generator([(2, 2)], (100, 100)).boxes)
    want = [[3, 4, 25, 100], [3, 24, 25, 100], [13, 4, 25, 100], [13, 24, 25, 100]]
    np.testing.assert_allclose(boxes, want, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": [0.1, 0.2]}, "scales has 2 numbers"),
        ({"aspect_ratios": [1.0, 0.0]}, "above 0"),
        ({"height_stride": [8]}, "height_stride has 1 numbers, width_stride 0"),
        (
            {"interpolated_scale_aspect_ratio": 0.0, "num_layers": 2},
            "give aspect_ratios",
        ),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        SsdAnchorGenerator(**options)


def test_half_the_ratios_are_half_the_anchors_of_a_level():
    """Three ratios on the first map, none on the last; six on the others, as ever."""
    six = SsdAnchorLayer(aspect_ratios=RATIOS, interpolated_scale_aspect_ratio=1.0)
    three = SsdAnchorLayer(aspect_ratios=RATIOS[:3])
    layers = [three, *[six] * 4, SsdAnchorLayer()]
    generator = SsdAnchorGenerator(layers=layers)
    assert generator.per_location == [3, 6, 6, 6, 6, 0]
    priors = generator(MAPS_300, (300, 300))
    whole = SsdAnchorGenerator(
        aspect_ratios=RATIOS, reduce_boxes_in_lowest_layer=False
    )(MAPS_300, (300, 300))
    counts = np.bincount(priors.levels, minlength=6)
    want = np.bincount(whole.levels)
    np.testing.assert_array_equal(counts, [want[0] / 2, *want[1:5], 0])
    # The ratios that are left have the boxes that they had; strides are the maps'.
    first = whole.boxes[: 6 * 361].numpy().reshape(361, 6, 4)[:, :3]
    np.testing.assert_allclose(priors.boxes[: 3 * 361], first.reshape(-1, 4))
    kept = whole.levels.numpy() % 5 != 0
    np.testing.assert_allclose(priors.boxes[3 * 361 :], whole.boxes[kept])
    np.testing.assert_allclose(priors.strides[3 * 361 :], whole.strides[kept])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [SsdAnchorLayer()] * 2}, "layers has 2 entries"),
        ({"layers": [SsdAnchorLayer()] * 6}, "no anchors"),
        (
            {"layers": [SsdAnchorLayer()] * 6, "aspect_ratios": [1.0]},
            "remove aspect_ratios",
        ),
    ],
)
def test_bad_layers(options, message):
    with pytest.raises(ValueError, match=message):
        SsdAnchorGenerator(**options)


def test_wrong_number_of_maps():
    with pytest.raises(UserError, match="6 feature maps and the network gives 2"):
        SsdAnchorGenerator(aspect_ratios=RATIOS)(MAPS_300[:2], (300, 300))


def test_kit():
    kit.check_anchors(SsdAnchorGenerator(aspect_ratios=RATIOS), MAPS_300, (300, 400))
