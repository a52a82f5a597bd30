"""Greedy suppression: by hand, its boundary, and its forms against each other."""

import numpy as np
import pytest
import tensorflow as tf
from suppression_kit import ABC, check_forms_agree, crowded, kept, rows

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import suppression_pb2
from od_api.suppressions.greedy_nms import GreedyNms

FORMS = [lambda part: part, lambda part: part.static()]
FORM_NAMES = ["native", "static"]


@pytest.fixture(params=FORMS, ids=FORM_NAMES)
def form(request):
    return request.param


@pytest.mark.parametrize(
    "iou_threshold, expected", [(0.5, [0, 2]), (0.6, [0, 1, 2]), (0.2, [0])]
)
def test_three_boxes_in_a_row(form, iou_threshold, expected):
    """At .5 A drops B (.538), and C overlaps only what was dropped; at .2 A drops C."""
    assert rows(form(GreedyNms(iou_threshold=iou_threshold))) == expected


@pytest.mark.parametrize("inclusive, expected", [(False, [0, 1]), (True, [0])])
def test_an_iou_equal_to_the_threshold(form, inclusive, expected):
    """IoU of [0,0,2,1] and [0,0,1,1] is exactly 1/2."""
    part = form(GreedyNms(iou_threshold=0.5, inclusive=inclusive))
    assert rows(part, [[0, 0, 2, 1], [0, 0, 1, 1]], [0.9, 0.8]) == expected


def test_identical_boxes_at_1(form):
    """Their IoU is 1, which is not above 1."""
    boxes = [ABC[0], ABC[0]]
    assert rows(
        form(GreedyNms(iou_threshold=1.0, inclusive=False)), boxes, [0.5, 0.9]
    ) == [1, 0]
    part = form(GreedyNms(iou_threshold=1.0, inclusive=True))
    assert rows(part, boxes, [0.5, 0.9]) == [1]


def test_a_box_without_area_overlaps_nothing(form):
    """Points, lines and boxes turned around, each twice, even inside another box."""
    flat = [[1, 1, 1, 1], [1, 1, 1, 5], [3, 3, 2, 2]]
    boxes = [ABC[0], *flat, *flat]
    part = form(GreedyNms(iou_threshold=0.0, inclusive=False))
    assert rows(part, boxes, np.linspace(0.9, 0.3, 7)) == list(range(7))


def test_scores_equal_to_the_floor_do_not_count_and_ties_go_by_row(form):
    part = form(GreedyNms())
    boxes = [[0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 6, 6]]
    assert rows(part, boxes, [0.5, 0.5, 0.5]) == [0, 2]
    assert rows(part, boxes, [0.5, 0.5, 0.5], floor=0.5) == []
    assert rows(part, boxes, [0.5, 0.6, 0.5], floor=0.5) == [1]


@pytest.mark.parametrize("count", [0, 1])
def test_few_boxes(form, count):
    found = kept(form(GreedyNms()), np.ones([count, 4]), np.ones([count]), limit=3)
    assert [row for row, _ in found] == [0] * count


def test_the_limit_counts_what_is_kept(form):
    assert rows(form(GreedyNms(iou_threshold=0.5)), limit=1) == [0]


@pytest.mark.parametrize("batch, classes", [(1, 1), (3, 2)])
@pytest.mark.parametrize("inclusive", [False, True])
def test_forms_agree(batch, classes, inclusive):
    part = GreedyNms(iou_threshold=0.4, inclusive=inclusive)
    check_forms_agree(part, batch=batch, classes=classes)


def test_a_similarity_of_its_own():
    """Intersection over the other's area: the small box inside the big one falls."""
    message = suppression_pb2.GreedyNms(similarity={"ioa_similarity": {}})
    boxes = [[0, 0, 10, 10], [2, 2, 4, 4], [20, 20, 22, 22]]
    assert rows(build(message), boxes, [0.9, 0.8, 0.7]) == [0, 2]
    assert rows(GreedyNms(), boxes, [0.9, 0.8, 0.7]) == [0, 1, 2]
    message = suppression_pb2.GreedyNms(similarity={"iou_similarity": {}})
    boxes, scores = crowded(0, 2, 2, 60)
    found = build(message).suppress(boxes, scores, {}, 10, 0.0)
    expected = GreedyNms().suppress(
        tf.constant(boxes), tf.constant(scores), {}, 10, 0.0
    )
    np.testing.assert_array_equal(found.rows, expected.rows)


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(iou_threshold=1.5), "iou_threshold: is 1.5; it must be in 0..1"),
        (dict(iou_threshold=0, inclusive=True), "inclusive: false"),
        (dict(similarity={"neg_sq_dist_similarity": {}}), "not one of 0..1"),
    ],
)
def test_settings_that_cannot_be(fields, message):
    with pytest.raises(ConfigError, match=message):
        build(suppression_pb2.GreedyNms(**fields))
