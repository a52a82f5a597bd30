"""Overlap less distance."""

import kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import region_similarity_calculator_pb2, suppression_pb2
from od_api.similarities.diou_similarity import DiouSimilarity

ABC = np.float32([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]])


def test_values():
    """IoU - D: 7/13 - 9/269, 1/4 - 36/356; concentric 1/16 - 0; points 0."""
    found = DiouSimilarity()(ABC[:1], ABC)
    np.testing.assert_allclose(found, [[1, 0.505004, 0.148876]], rtol=1e-5)
    inner, outer = np.float32([[1.5, 1.5, 2.5, 2.5]]), np.float32([[0, 0, 4, 4]])
    np.testing.assert_allclose(DiouSimilarity()(inner, outer), [[0.0625]])
    point = np.float32([[3, 3, 3, 3]])
    np.testing.assert_array_equal(DiouSimilarity()(point, point), [[0]])


def test_exponent_of_the_distance():
    """1/4 - (36/356)^.5."""
    found = DiouSimilarity(beta=0.5)(ABC[:1], ABC[2:])
    np.testing.assert_allclose(found, [[0.25 - np.sqrt(36 / 356)]], rtol=1e-5)
    with pytest.raises(ConfigError, match="beta: is 0; it must be above 0"):
        build(region_similarity_calculator_pb2.DiouSimilarity(beta=0.0))


def test_in_a_suppression():
    """At .52 IoU removes B, of .538, and DIoU, of .505, does not."""
    scores = np.float32([0.9, 0.8, 0.7])
    for name, count in (("diou_similarity", 3), ("iou_similarity", 2)):
        message = suppression_pb2.GreedyNms(iou_threshold=0.52, similarity={name: {}})
        found = build(message).suppress(ABC, scores, {}, 3, 0.0)
        assert np.isfinite(found.scores).sum() == count


def test_kit():
    kit.check_similarity(DiouSimilarity())
