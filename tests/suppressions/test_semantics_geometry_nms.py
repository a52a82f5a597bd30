"""Semantics-geometry suppression on given embeddings and levels."""

import numpy as np
import oracle
import pytest
from oracle_kit import check_against, drawn
from suppression_kit import rows

from od_api.suppressions.semantics_geometry_nms import SemanticsGeometryNms

A, B, C = range(3)


def columns(embeddings, levels=None):
    levels = [0] * len(embeddings) if levels is None else levels
    return {
        "semantics_geometry": np.reshape(embeddings, [-1, 1]),
        "level": np.reshape(levels, [-1, 1]),
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (dict(growth="CONSTANT", distance=0.3), [A, B, C]),
        # |e_A - e_B| = .4 <= IoU .538, and > IoU^2 = .29.
        (dict(growth="LINEAR"), [A, C]),
        (dict(growth="QUADRATIC"), [A, B, C]),
        (dict(growth="CONSTANT", distance=1e9), [A, C]),
    ],
)
def test_by_hand(fields, expected):
    part = SemanticsGeometryNms(iou_threshold=0.5, **fields)
    assert rows(part, columns=columns([0, 0.4, 0.9])) == expected


def test_across_levels_overlap_alone_counts():
    """A and B are unlike and of two levels: B goes; C is of B's level, and lives."""
    part = SemanticsGeometryNms(iou_threshold=0.5)
    unlike = [0, 50, 99]
    assert rows(part, columns=columns(unlike)) == [A, B, C]
    assert rows(part, columns=columns(unlike, [0, 1, 1])) == [A, C]


def test_a_box_removed_across_levels_has_removed_within():
    """B removes C, of its level and alike, and then goes for A, of another."""
    part = SemanticsGeometryNms(iou_threshold=0.5)
    assert rows(part, columns=columns([9, 0, 0], [0, 1, 1])) == [A]


def test_boundaries():
    """A box and its half have an IoU of .5 exactly: none within, one across levels."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    for levels, fields, expected in (
        ([0, 0], {}, [0, 1]),
        ([0, 0], dict(inclusive=True), [0]),
        ([0, 1], {}, [0]),
        ([0, 1], dict(inclusive_across_levels=False), [0, 1]),
    ):
        part = SemanticsGeometryNms(iou_threshold=0.5, **fields)
        assert rows(part, boxes, scores, columns([0, 0], levels)) == expected


def test_beside_the_oracle():
    def want(boxes, scores, embedding, level, **cut):
        return oracle.semantics_geometry(
            boxes, scores, embedding, 0.3, lambda overlap: overlap, levels=level, **cut
        )

    check_against(
        want,
        SemanticsGeometryNms(iou_threshold=0.3),
        lambda rng, shape: {
            "semantics_geometry": rng.uniform(0, 1, (*shape, 2)),
            "level": rng.integers(0, 2, (*shape, 1)),
        },
    )


def test_alike_on_one_level_is_greedy():
    boxes, scores = drawn(np.random.default_rng(0), count=40)
    found = rows(
        SemanticsGeometryNms(iou_threshold=0.3),
        boxes,
        scores,
        columns([0] * 40),
        limit=40,
    )
    assert found == list(oracle.greedy(boxes, scores, 0.3).rows)
