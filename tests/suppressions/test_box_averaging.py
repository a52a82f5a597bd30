"""Means of boxes in Cluster-NMS, by hand and beside the oracle."""

import functools

import numpy as np
import oracle
import pytest
from oracle_kit import check_against
from suppression_kit import ABC, ABC_SCORES

from od_api.core.registry import build
from od_api.protos import suppression_pb2


def cluster(threshold=0.5, **fields):
    fields.setdefault("averaging", {})
    return build(suppression_pb2.ClusterNms(iou_threshold=threshold, **fields))


def test_by_hand():
    """A: (.9 A + .8 * 7/13 B) / (.9 + .430769); C has no worse box."""
    found = cluster().suppress(ABC, ABC_SCORES, {}, 2, 0.0)
    np.testing.assert_array_equal(found.rows, [0, 2])
    np.testing.assert_allclose(found.boxes[0], [0, 0.971098, 10, 10.971098], rtol=1e-5)
    np.testing.assert_array_equal(found.boxes[1], ABC[2])
    np.testing.assert_allclose(found.scores, [0.9, 0.7], rtol=1e-6)


def test_threshold_of_its_own():
    """At .2 C, of an IoU of .25 with A, is averaged, too; at .8 not even B."""
    low, high = ({"threshold": t} for t in (0.2, 0.8))
    found = cluster(averaging=low).suppress(ABC, ABC_SCORES, {}, 2, 0.0)
    expected = (0.8 * 7 / 13 * 3 + 0.7 * 0.25 * 6) / (0.9 + 0.8 * 7 / 13 + 0.7 * 0.25)
    np.testing.assert_allclose(found.boxes[0, 1], expected, rtol=1e-5)
    found = cluster(averaging=high).suppress(ABC, ABC_SCORES, {}, 2, 0.0)
    np.testing.assert_array_equal(found.boxes[0], ABC[0])


@pytest.mark.parametrize("merge", [None, 0.2])
def test_beside_the_oracle(merge):
    want = functools.partial(oracle.cluster_weighted, threshold=0.4, merge=merge)
    averaging = {} if merge is None else {"threshold": merge}
    check_against(want, cluster(0.4, averaging=averaging))


def test_with_penalties_beside_the_oracle():
    """Their scores are the weights."""
    want = functools.partial(
        oracle.cluster_weighted, threshold=0.4, sigma=0.2, beta=0.6
    )
    check_against(want, cluster(0.4, penalty={"distance_exponent": 0.6}))


def test_boxes_behind_the_cut_matter():
    assert cluster().needs_all
    assert not build(suppression_pb2.ClusterNms()).needs_all
