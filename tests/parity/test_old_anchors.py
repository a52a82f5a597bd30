"""Anchor generators against the old API's, in pixels."""

import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import anchor_generator_pb2

CASES = golden_store.load("anchors")


@pytest.mark.parametrize("name", CASES)
def test_anchors_are_the_old_ones(name):
    case = CASES[name]
    config = text_format.Parse(case["config"], anchor_generator_pb2.AnchorGenerator())
    generator = build(config)
    maps = [tuple(map(int, shape)) for shape in case["feature_maps"]]
    made = generator(maps, tuple(map(int, case["image_shape"]))).boxes
    assert list(generator.per_location) == list(case["per_location"])
    np.testing.assert_allclose(made, case["anchors_in_pixels"], rtol=1e-5, atol=1e-3)
