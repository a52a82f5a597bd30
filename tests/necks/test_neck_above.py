"""A neck over a neck: what it takes from the other one."""

import neck_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NECKS = ("balanced_feature_pyramid", "asff", "bidirectional")
BELOW = "neck { top_down_fpn { min_level: 4 max_level: 6 depth: 2 } }"


@pytest.mark.parametrize("name", NECKS)
def test_it_needs_another(name):
    with pytest.raises(ConfigError, match="neck"):
        kit.built(f"{name} {{}}")


@pytest.mark.parametrize("name", NECKS)
def test_names_strides_and_auxiliary_maps_are_the_other_s(name):
    neck = kit.built(f"{name} {{ {BELOW} }}")
    assert neck.strides == {"P4": 16, "P5": 32, "P6": 64}
    assert neck.auxiliary.strides == {"M4": 16, "M5": 32}
    given = kit.features(40)
    maps, below = neck(given, auxiliary=True), neck.neck(given, auxiliary=True)
    assert list(maps) == list(below) == ["P4", "P5", "P6", "M4", "M5"]
    assert list(neck(given)) == ["P4", "P5", "P6"]
    np.testing.assert_array_equal(maps["M5"], below["M5"])
    assert any("top_down_fpn/lateral_P4" in v.path for v in neck.variables)


def test_a_neck_over_a_neck_over_a_neck():
    below = f"balanced_feature_pyramid {{ {BELOW} }}"
    neck = kit.built(f"balanced_feature_pyramid {{ neck {{ {below} }} }}")
    kit.check_gradients(neck)


def test_mistakes_of_the_one_below_are_named():
    with pytest.raises(ConfigError, match="must be in 1"):
        kit.built("balanced_feature_pyramid { neck { top_down_fpn { depth: 0 } } }")
