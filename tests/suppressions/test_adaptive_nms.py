"""Adaptive suppression on given densities."""

import numpy as np
import oracle
import pytest
from oracle_kit import check_against, drawn
from suppression_kit import kept, rows

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import suppression_pb2
from od_api.suppressions.adaptive_nms import AdaptiveNms

A, B, C = range(3)


def densities(*values):
    return {"density": np.reshape(values, [-1, 1])}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.1, 0.1, 0.1), [A, C]),
        # A leaves B, of IoU .54, alone; B removes C.
        ((0.6, 0.1, 0.1), [A, B]),
        ((0.6, 0.6, 0.1), [A, B, C]),
    ],
)
def test_by_hand(values, expected):
    assert rows(AdaptiveNms(), columns=densities(*values)) == expected


def test_densities_below_the_threshold_are_greedy():
    boxes, scores = drawn(np.random.default_rng(0), count=40)
    found = rows(
        AdaptiveNms(iou_threshold=0.3), boxes, scores, densities(*[0.3] * 40), limit=40
    )
    assert found == list(oracle.greedy(boxes, scores, 0.3).rows)


def test_soft():
    """At .5 A lowers B by 7/13, and C later, too; with a density of .6 only C does."""
    part = AdaptiveNms(decay="LINEAR")
    low = dict(kept(part, columns=densities(0.1, 0.1, 0.1)))
    np.testing.assert_allclose(low[B], 0.8 * (1 - 7 / 13) ** 2, rtol=1e-5)
    high = dict(kept(part, columns=densities(0.6, 0.1, 0.1)))
    np.testing.assert_allclose(high[B], 0.8, rtol=1e-6)
    np.testing.assert_allclose(high[C], 0.7 * (1 - 7 / 13), rtol=1e-5)


@pytest.mark.parametrize("decay", ["HARD", "LINEAR", "GAUSSIAN"])
def test_beside_the_oracle(decay):
    def want(boxes, scores, density, **cut):
        kind = None if decay == "HARD" else decay.lower()
        return oracle.adaptive(boxes, scores, density, 0.3, decay=kind, **cut)

    check_against(
        want,
        AdaptiveNms(iou_threshold=0.3, decay=decay),
        lambda rng, shape: {"density": rng.uniform(0, 0.8, (*shape, 1))},
    )


def test_settings_that_cannot_be():
    with pytest.raises(ConfigError, match="no effect on a decay of HARD"):
        build(suppression_pb2.AdaptiveNms(sigma=0.5))


def test_name_of_the_column():
    part = build(suppression_pb2.AdaptiveNms(column="crowd"))
    assert part.columns == ("crowd",)
    columns = {"crowd": [[0.6], [0.1], [0.1]]}
    assert rows(part, columns=columns) == [A, B]
