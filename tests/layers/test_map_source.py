"""Levels, strides and channels of backbones and necks."""

import pytest

from od_api.core.errors import UserError
from od_api.core.types import MapSpecs
from od_api.layers.map_source import MapSource

BELOW = MapSpecs(strides={"C3": 8, "C4": 16}, channels={"C3": 5, "C4": 7})


class Pair(MapSource):
    """Puts one more map on top."""

    def maps_of(self, maps):
        return MapSpecs(maps.strides | {"E1": 32}, maps.channels | {"E1": 3})


def test_a_neck_follows_its_backbone():
    neck = Pair(name="pair")
    neck.follow(BELOW)
    assert neck.levels == ("C3", "C4", "E1")
    assert (neck.strides["E1"], neck.channels["C4"]) == (32, 7)
    assert neck.specs.shapes["E1"] == (None, None, None, 3)
    assert neck.second_stage is None


def test_some_levels_of_specs():
    assert BELOW.only(["C4"]) == MapSpecs({"C4": 16}, {"C4": 7})
    with pytest.raises(ValueError, match="no map 'C5', but C3, C4"):
        BELOW.only(["C5"])


def test_no_weights_in_files():
    with pytest.raises(UserError, match="pair has no weights"):
        Pair(name="pair").load_weights("w.h5")
