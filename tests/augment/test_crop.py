"""SSD's crop: what its rules say, and what a rule makes of image and boxes."""

import numpy as np
import pytest
import tensorflow as tf
from augment_samples import assert_consistent, assert_equal, painted, sample, seed

from od_api.augment import _crop
from od_api.augment._crop import CropRule


def test_built_in_rules_cover_as_much_as_they_keep():
    rules = _crop.built_in_rules(0.1, 0.9)
    assert [(r.min_object_covered, r.overlap_thresh) for r in rules] == [
        (0.1, 0.1),
        (0.9, 0.9),
    ]
    assert {(r.aspect_ratio_range, r.area_range) for r in rules} == {
        ((0.5, 2.0), (0.1, 1.0))
    }
    assert {r.random_coef for r in rules} == {0.15}


@pytest.mark.parametrize(
    "field",
    [
        {"aspect_ratio_range": (2.0, 1.0)},
        {"aspect_ratio_range": (0.0, 1.0)},
        {"area_range": (0.5, 1.5)},
        {"area_range": (0.0, 1.0)},
        {"min_object_covered": 1.5},
        {"overlap_thresh": -0.5},
        {"random_coef": 2.0},
    ],
)
def test_rules_that_cannot_be_met(field):
    rule = CropRule(0.5, (0.5, 2.0), (0.1, 1.0), 0.5)
    assert rule.checked() == rule
    with pytest.raises(ValueError):
        rule._replace(**field).checked()


def test_the_rule_of_the_index_is_used():
    """Rule 0 keeps the image, rule 1 cuts half of it, in a graph too."""
    keep = CropRule(0.0, (0.5, 2.0), (0.1, 1.0), 0.0, random_coef=1.0)
    half = CropRule(0.0, (1.0, 2.0), (0.45, 0.55), 0.0)
    crop = tf.function(
        lambda index: _crop.random_crop(painted(), seed(3), [keep, half], index)
    )
    assert crop(tf.constant(0))["image"].shape == (40, 60, 3)
    after = crop(tf.constant(1))
    assert 0.4 * 2400 <= np.prod(after["image"].shape[:2]) <= 0.6 * 2400
    assert_consistent(after)


def test_every_rule_is_drawn():
    rules = _crop.built_in_rules(0.1, 0.5, 0.9)
    drawn = [int(_crop.draw_rule(seed(n), rules)) for n in range(40)]
    assert set(drawn) == {0, 1, 2}


def test_boxes_stay_whole_where_they_are_not_clipped():
    rule = CropRule(0.3, (0.5, 2.0), (0.2, 0.4), 0.0, clip_boxes=False)
    for number in range(10):
        after = _crop.random_crop(painted(), seed(number), [rule], 0)
        ymin, xmin, ymax, xmax = np.asarray(after["boxes"])[0]
        assert (ymax - ymin, xmax - xmin) == pytest.approx((16, 20))


def test_the_seed_decides():
    rules = _crop.built_in_rules(0.1)
    crops = [_crop.random_crop(sample(), seed(n), rules, 0) for n in (1, 1, 2)]
    assert_equal(crops[0], crops[1])
    assert crops[0]["image"].shape != crops[2]["image"].shape


def test_rules_of_operations_or_the_seven_of_ssd():
    given = [_crop.CropOperation(min_object_covered=0.4)]
    assert _crop.rules_of(given) == [CropRule(0.4, (0.5, 2.0), (0.1, 1.0), 0.0)]
    covers = [rule.min_object_covered for rule in _crop.rules_of([])]
    assert covers == [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]


def test_crop_by_any_is_the_crop_of_the_drawn_rule():
    rules = _crop.rules_of([])
    for number in range(5):
        index = _crop.draw_rule(seed(number), rules)
        assert_equal(
            _crop.crop_by_any(sample(), seed(number), seed(9), rules),
            _crop.random_crop(sample(), seed(9), rules, index),
        )
