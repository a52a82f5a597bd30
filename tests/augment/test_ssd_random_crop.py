"""SSDRandomCrop: the built-in rules and given ones."""

import numpy as np
import pytest
from augment_samples import assert_consistent, painted, sample, seed, white_box
from google.protobuf import text_format

from od_api.augment.ssd_random_crop import SSDRandomCrop, SSDRandomCropOperation
from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import preprocessor_pb2


def test_built_in_rules():
    """Seven, of which 0.15 keep the image; box and white stay together."""
    augment = SSDRandomCrop()
    covers = [rule.min_object_covered for rule in augment._rules]
    assert covers == [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1]
    whole = 0
    for number in range(25):
        after = augment(painted(), seed(number))
        assert_consistent(after)
        whole += after["image"].shape == (40, 60, 3)
        if after["boxes"].shape[0]:
            np.testing.assert_allclose(after["boxes"][0], white_box(after["image"]))
    assert 0 < whole < 15


def test_unset_fields_of_an_operation():
    """Areas and aspect ratios get the built-in ranges, the others 0."""
    rule = SSDRandomCropOperation(min_object_covered=0.4).rule
    assert rule.area_range == (0.1, 1.0)
    assert rule.aspect_ratio_range == (0.5, 2.0)
    assert (rule.overlap_thresh, rule.random_coef, rule.clip_boxes) == (0, 0, True)


@pytest.mark.parametrize(
    "field", ["min_area", "max_area", "min_aspect_ratio", "max_aspect_ratio"]
)
def test_zero_is_no_unset_field(field):
    step = text_format.Parse(
        f"operations {{ {field}: 0 }}", preprocessor_pb2.SSDRandomCrop()
    )
    with pytest.raises(ConfigError, match=r"operations\[0\]"):
        build(step)


def test_from_a_config():
    """The one operation that is given is the one that is used: tiny square crops."""
    step = text_format.Parse(
        """operations { min_aspect_ratio: 1 max_aspect_ratio: 1 min_area: 0.1
           max_area: 0.12 }""",
        preprocessor_pb2.SSDRandomCrop(),
    )
    augment = build(step)
    for number in range(5):
        h, w, _ = augment(sample(), seed(number))["image"].shape
        assert abs(h - w) <= 1 and 200 <= h * w <= 320


def test_error_names_the_operation():
    step = text_format.Parse(
        "operations {} operations { min_area: 2 }", preprocessor_pb2.SSDRandomCrop()
    )
    with pytest.raises(ConfigError, match=r"operations\[1\].*min_area"):
        build(step)
