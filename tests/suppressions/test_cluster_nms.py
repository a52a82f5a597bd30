"""Cluster-NMS keeps what greedy suppression keeps."""

import functools

import numpy as np
import oracle
from oracle_kit import check_against, drawn
from suppression_kit import rows

from od_api.core.registry import build
from od_api.protos import suppression_pb2
from od_api.suppressions.cluster_nms import ClusterNms
from od_api.suppressions.greedy_nms import GreedyNms

A, B, C = range(3)


def test_what_is_removed_removes_nothing():
    """b: 1 1 1, then 1 0 0, then 1 0 1, which stays."""
    assert rows(ClusterNms(iou_threshold=0.5)) == [A, C]
    assert rows(ClusterNms(iou_threshold=0.6)) == [A, B, C]


def test_boundary():
    """A box and its half have an IoU of .5 exactly."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    assert rows(ClusterNms(iou_threshold=0.5), boxes, scores) == [0]
    assert rows(ClusterNms(iou_threshold=0.5, inclusive=False), boxes, scores) == [0, 1]


def test_equals_greedy():
    rng = np.random.default_rng(0)
    cluster, greedy = ClusterNms(iou_threshold=0.4), GreedyNms(iou_threshold=0.4)
    boxes, scores = drawn(rng, 300, count=25)
    found = cluster.suppress(boxes, scores, {}, 25, 0.0)
    wanted = greedy.suppress(boxes, scores, {}, 25, 0.0)
    np.testing.assert_array_equal(found.rows, wanted.rows)
    np.testing.assert_array_equal(found.scores, wanted.scores)


def test_beside_the_oracle():
    want = functools.partial(oracle.cluster, threshold=0.4)
    check_against(want, ClusterNms(iou_threshold=0.4))


def test_similarity_of_its_own():
    """IoU(A, B) = .538 and DIoU(A, B) = .505, so that at .52 all live."""
    fields = dict(iou_threshold=0.52, similarity={"diou_similarity": {}})
    assert rows(build(suppression_pb2.ClusterNms(**fields))) == [A, B, C]
    assert rows(ClusterNms(iou_threshold=0.52)) == [A, C]
