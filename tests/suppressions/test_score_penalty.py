"""Penalties of scores in Cluster-NMS, by hand and beside the oracle."""

import functools

import numpy as np
import oracle
import pytest
from oracle_kit import check_against
from suppression_kit import kept

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import suppression_pb2


def cluster(threshold=0.5, **penalty):
    return build(suppression_pb2.ClusterNms(iou_threshold=threshold, penalty=penalty))


@pytest.mark.parametrize(
    ("exponent", "b", "c"),
    [
        # .8 exp(-(7/13)^2 / .2) and .7 exp(-.25^2 / .2): B is removed, and takes
        # nothing of C.
        (None, 0.187712, 0.512131),
        # D(A, B) = 9 / 269, D(A, C) = 36 / 356: .8 (.234640 + .033457^.6), ...
        (0.6, 0.291892, 0.689146),
        (1.0, 0.214478, 0.582917),
    ],
)
def test_values_by_hand(exponent, b, c):
    part = cluster(**({} if exponent is None else {"distance_exponent": exponent}))
    found = dict(kept(part))
    assert list(found) == [0, 2, 1]
    np.testing.assert_allclose([found[0], found[1], found[2]], [0.9, b, c], rtol=1e-5)


def test_no_factor_is_above_1():
    """Far apart the exponential is 1, and D would come on top of it."""
    boxes = [[0, 0, 10, 10], [0, 50, 10, 60], [0, 99, 10, 109]]
    found = kept(cluster(distance_exponent=0.6), boxes, [0.9, 0.8, 0.7])
    np.testing.assert_allclose([s for _, s in found], [0.9, 0.8, 0.7], rtol=1e-6)


def test_concentric_boxes_have_no_distance():
    boxes, scores = [[0, 0, 10, 10], [1, 1, 9, 9]], [0.9, 0.8]
    near, plain = (
        kept(cluster(distance_exponent=0.6), boxes, scores),
        kept(cluster(), boxes, scores),
    )
    np.testing.assert_allclose(near, plain, rtol=1e-6)


def test_low_scores_go():
    """B has .1877 afterwards."""
    assert [row for row, _ in kept(cluster(least_score=0.18))] == [0, 2, 1]
    assert [row for row, _ in kept(cluster(least_score=0.19))] == [0, 2]
    assert [row for row, _ in kept(cluster(), floor=0.19)] == [0, 2]


@pytest.mark.parametrize("beta", [None, 0.6])
def test_beside_the_oracle(beta):
    want = functools.partial(oracle.cluster, threshold=0.4, sigma=0.3, beta=beta)
    fields = {} if beta is None else {"distance_exponent": beta}
    check_against(want, cluster(0.4, sigma=0.3, **fields))


def test_settings_that_cannot_be():
    with pytest.raises(ConfigError, match="sigma: is 0; it must be above 0"):
        cluster(sigma=0.0)
    with pytest.raises(ConfigError, match="distance_exponent: is 0"):
        cluster(distance_exponent=0.0)
