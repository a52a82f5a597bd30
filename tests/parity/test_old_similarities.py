"""Similarities of boxes against the old API's, on boxes measured in images (0..1)."""

import golden_store
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.registry import build
from od_api.protos import region_similarity_calculator_pb2

CASES = golden_store.load("similarities")
GIVEN = CASES["input"]
EMPTY_ANCHOR = 4


@pytest.mark.parametrize("name", sorted(set(CASES) - {"input"}))
def test_similarities_are_the_old_ones(name):
    """A box without area overlaps nothing; there the old IoA was 0 / 0."""
    message = region_similarity_calculator_pb2.RegionSimilarityCalculator()
    similarity = build(text_format.Parse(CASES[name]["config"], message))
    scores = {"scores": GIVEN["scores"]} if name == "thresholded_iou" else {}
    values = similarity(GIVEN["boxes"], GIVEN["anchors"], **scores)
    old = CASES[name]["similarity"]
    if name == "ioa":
        assert np.all(np.isnan(old[:, EMPTY_ANCHOR]))
        old = np.nan_to_num(old)
    np.testing.assert_allclose(values, old, rtol=1e-5, atol=1e-6)
