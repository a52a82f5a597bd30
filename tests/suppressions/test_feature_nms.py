"""Feature suppression on given embeddings."""

import oracle
import pytest
from oracle_kit import check_against
from suppression_kit import ABC, rows

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import suppression_pb2
from od_api.suppressions.feature_nms import FeatureNms

A, B, C = range(3)


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        # 2 from A, so that B lives, and removes nothing; C is .1 from A: gone.
        ([2, 0], [A, B]),
        ([0.2, 0], [A]),
    ],
)
def test_by_hand(b, expected):
    columns = {"embedding": [[0, 0], b, [0, 0.1]]}
    assert rows(FeatureNms(), columns=columns) == expected


def test_ends_of_the_middle():
    """A box and its half, of IoU .5: at low_iou two, at high_iou one, in any case."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    near, far = ({"embedding": [[0.0], [x]]} for x in (0.0, 9.0))
    assert rows(FeatureNms(low_iou=0.5), boxes, scores, near) == [0, 1]
    assert rows(FeatureNms(low_iou=0.49), boxes, scores, near) == [0]
    assert rows(FeatureNms(high_iou=0.5), boxes, scores, far) == [0]
    assert rows(FeatureNms(high_iou=0.51), boxes, scores, far) == [0, 1]


def test_a_distance_of_the_limit_is_near():
    columns = {"embedding": [[0.0], [1.0], [9.0]]}
    assert rows(FeatureNms(), ABC, columns=columns) == [A, C]


def test_beside_the_oracle():
    def want(boxes, scores, embedding, **cut):
        return oracle.feature(boxes, scores, embedding, distance=0.4, **cut)

    check_against(
        want,
        FeatureNms(distance=0.4),
        lambda rng, shape: {"embedding": rng.uniform(0, 1, (*shape, 3))},
    )


def test_settings_that_cannot_be():
    with pytest.raises(ConfigError, match="larger than high_iou"):
        build(suppression_pb2.FeatureNms(low_iou=0.8, high_iou=0.7))
