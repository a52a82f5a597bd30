"""Levels and stages of pyramids, and maps that are doubled."""

import pytest

from od_api.core.types import MapSpecs
from od_api.necks._pyramid import (
    check_levels,
    check_stages,
    pyramid_specs,
    stages_of,
)


def test_levels_and_their_stages():
    """P6 and up have none."""
    assert stages_of(4, 7) == {"P4": "C4", "P5": "C5"}
    made = pyramid_specs(2, 3, 7)
    assert made.strides == {"P2": 4, "P3": 8} and made.channels == {"P2": 7, "P3": 7}


@pytest.mark.parametrize("levels", [(1, 4), (6, 7), (5, 4), (2, 16)])
def test_levels_that_are_refused(levels):
    with pytest.raises(ValueError, match="level"):
        check_levels(*levels)


def test_stages_that_are_refused():
    strides = {"P4": 16, "P5": 32}
    stages = {"P4": "C4", "P5": "C5"}
    check_stages(stages, strides, MapSpecs({"C4": 16, "C5": 32}, {}))
    with pytest.raises(ValueError, match="no C5, but C4"):
        check_stages(stages, strides, MapSpecs({"C4": 16}, {}))
    with pytest.raises(ValueError, match="C5 has a stride of 16 and P5 one of 32"):
        check_stages(stages, strides, MapSpecs({"C4": 16, "C5": 16}, {}))
