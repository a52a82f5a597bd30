"""The oracle has the values that were worked out by hand.

Boxes A (0 to 10), B (3 to 13) and C (6 to 16), all 10 high, with scores .9, .8 and .7:
IoU(A, B) = IoU(B, C) = 7 / 13 = .538462, IoU(A, C) = 4 / 16 = .25.
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.suppressions import oracle

BOXES = np.array([[0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]], float)
SCORES = np.array([0.9, 0.8, 0.7])
A, B, C = 0, 1, 2


def by_row(kept):
    """Scores in the order A, B, C, 0 where a box was not kept."""
    scores = np.zeros(3)
    scores[kept.rows] = kept.scores
    return scores


def drawn(count, seed):
    """Boxes of 8 to 16 in 40 by 40 and scores, no two alike."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 30, (count, 2))
    boxes = np.concatenate([corner, corner + random.uniform(8, 16, (count, 2))], 1)
    return boxes, random.permutation(np.linspace(0.05, 0.95, count))


@pytest.mark.parametrize(
    ("a", "b", "iou", "diou"),
    [
        ((0, 0, 2, 2), (1, 1, 3, 3), 0.142857, 0.031746),
        ((0, 0, 1, 1), (2, 2, 3, 3), 0, -0.444444),
        ((1, 0, 3, 4), (0, 0, 4, 2), 0.333333, 0.302083),
        ((1.5, 1.5, 2.5, 2.5), (0, 0, 4, 4), 0.0625, 0.0625),
        ((1, 1, 1, 1), (1, 1, 1, 1), 0, 0),
    ],
)
def test_overlap_of_two_boxes(a, b, iou, diou):
    assert oracle.iou(a, b) == pytest.approx(iou, abs=1e-6)
    assert oracle.diou(a, b) == pytest.approx(diou, abs=1e-6)


@pytest.mark.parametrize(
    ("threshold", "rows"), [(0.5, [A, C]), (0.6, [A, B, C]), (0.2, [A])]
)
def test_greedy(threshold, rows):
    assert list(oracle.greedy(BOXES, SCORES, threshold).rows) == rows


def test_boundary_belongs_to_inclusive():
    """IoU of halves is .5 exactly: 50 / 100."""
    boxes = [[0, 0, 10, 10], [0, 0, 10, 5]]
    for suppress in (oracle.greedy, oracle.fast, oracle.cluster, oracle.weighted):
        assert list(suppress(boxes, [0.9, 0.8], 0.5).rows) == [0]
        assert list(suppress(boxes, [0.9, 0.8], 0.5, inclusive=False).rows) == [0, 1]


def test_score_threshold_is_strict_and_limit_cuts():
    kept = oracle.greedy(BOXES, SCORES, 0.6, score_threshold=0.7)
    assert list(kept.rows) == [A, B]
    assert list(oracle.greedy(BOXES, SCORES, 0.6, limit=1).rows) == [A]


def test_soft_linear():
    """B decays by A and by C: .8 (1 - .538462)^2 = .170414."""
    kept = oracle.soft_linear(BOXES, SCORES, 0.3)
    assert list(kept.rows) == [A, C, B]
    np.testing.assert_allclose(kept.scores, [0.9, 0.7, 0.170414], atol=1e-6)
    kept = oracle.soft_linear(BOXES, SCORES, 0.3, score_threshold=0.2)
    assert list(kept.rows) == [A, C]


def test_soft_gaussian():
    kept = oracle.soft_gaussian(BOXES, SCORES, 0.5)
    assert list(kept.rows) == [A, C, B]
    np.testing.assert_allclose(kept.scores, [0.9, 0.617748, 0.250848], atol=1e-6)
    half = oracle.soft_gaussian_of_tensorflow(BOXES, SCORES, 0.25)
    np.testing.assert_allclose(half.scores, kept.scores)


def test_fast():
    assert list(oracle.fast(BOXES, SCORES, 0.5).rows) == [A]


def test_cluster():
    assert list(oracle.cluster(BOXES, SCORES, 0.5).rows) == [A, C]


def test_cluster_score_penalty():
    scores = by_row(oracle.cluster(BOXES, SCORES, 0.5, sigma=0.2))
    np.testing.assert_allclose(scores, [0.9, 0.187712, 0.512131], atol=1e-6)


@pytest.mark.parametrize(
    ("beta", "expected"),
    [(0.6, [0.9, 0.291892, 0.689146]), (1, [0.9, 0.214478, 0.582917])],
)
def test_cluster_score_penalty_and_distance(beta, expected):
    kept = oracle.cluster(BOXES, SCORES, 0.5, sigma=0.2, beta=beta)
    np.testing.assert_allclose(by_row(kept), expected, atol=1e-6)


def test_distance():
    """DIoU(A, B) = .505004 is below .52, IoU is above."""
    assert oracle.diou(BOXES[A], BOXES[B]) == pytest.approx(0.505004, abs=1e-6)
    assert oracle.diou(BOXES[A], BOXES[C]) == pytest.approx(0.148876, abs=1e-6)
    for suppress in (oracle.greedy, oracle.cluster):
        kept = suppress(BOXES, SCORES, 0.52, measure=oracle.diou)
        assert list(kept.rows) == [A, B, C]
        assert list(suppress(BOXES, SCORES, 0.52).rows) == [A, C]


@pytest.mark.parametrize("suppress", [oracle.weighted, oracle.cluster_weighted])
def test_weighted(suppress):
    """(.9 A + .8 * .538462 B) / (.9 + .430769) shifts A by .971098."""
    kept = suppress(BOXES, SCORES, 0.5)
    assert list(kept.rows) == [A, C]
    np.testing.assert_allclose(kept.scores, [0.9, 0.7])
    expected = [[0, 0.971098, 10, 10.971098], BOXES[C]]
    np.testing.assert_allclose(kept.boxes, expected, atol=1e-6)


def test_cluster_weighted_by_distance():
    """Scores of T37 weigh: 3 * .291892 * 7 / 13 over .9 + .157173 = .446017."""
    kept = oracle.cluster_weighted(BOXES, SCORES, 0.5, sigma=0.2, beta=0.6)
    np.testing.assert_allclose(by_row(kept), [0.9, 0.291892, 0.689146], atol=1e-6)
    assert list(kept.rows) == [A, C, B]
    np.testing.assert_allclose(kept.boxes[0], [0, 0.446017, 10, 10.446017], atol=1e-6)
    np.testing.assert_allclose(kept.boxes[1:], BOXES[[C, B]])


@pytest.mark.parametrize(
    ("density", "rows"),
    [
        ((0.1, 0.1, 0.1), [A, C]),
        ((0.6, 0.1, 0.1), [A, B]),
        ((0.6, 0.6, 0.1), [A, B, C]),
    ],
)
def test_adaptive(density, rows):
    assert list(oracle.adaptive(BOXES, SCORES, density, 0.5).rows) == rows


@pytest.mark.parametrize(
    ("predicted", "rows", "scores"),
    [
        ((0.6, 0.9, 0.7), [B], [0.9]),
        ((0.95, 0.6, 0.7), [A, C], [0.9, 0.7]),
        (SCORES, [A, C], [0.9, 0.7]),
    ],
)
def test_iou_guided(predicted, rows, scores):
    kept = oracle.iou_guided(BOXES, SCORES, predicted, 0.5)
    assert list(kept.rows) == rows
    np.testing.assert_allclose(kept.scores, scores)


@pytest.mark.parametrize(("ids", "rows"), [((0, 0, 1), [A, B]), ((0, 1, 2), [A, C])])
def test_set(ids, rows):
    assert list(oracle.set_nms(BOXES, SCORES, ids, 0.5).rows) == rows


@pytest.mark.parametrize(
    ("embeddings", "rows"),
    [(((0, 0), (2, 0), (0, 0.1)), [A, B]), (((0, 0), (0.2, 0), (0, 0.1)), [A])],
)
def test_feature(embeddings, rows):
    assert list(oracle.feature(BOXES, SCORES, embeddings).rows) == rows


@pytest.mark.parametrize(
    ("phi", "rows"),
    [
        (lambda overlap: 0.3, [A, B, C]),
        (lambda overlap: overlap, [A, C]),
        (lambda overlap: overlap**2, [A, B, C]),
        (lambda overlap: np.inf, [A, C]),
    ],
)
def test_semantics_geometry(phi, rows):
    kept = oracle.semantics_geometry(BOXES, SCORES, [0, 0.4, 0.9], 0.5, phi)
    assert list(kept.rows) == rows


def test_semantics_geometry_across_levels():
    """A takes B of another level, not the same box of its own, which e sets apart.

    Before them stands a box far away whose twin of its level goes first.
    """
    far = [[50, 50, 60, 60]]
    boxes = np.concatenate([far, far, BOXES, BOXES[:1]])
    kept = oracle.semantics_geometry(
        boxes,
        [0.95, 0.94, 0.9, 0.8, 0.7, 0.6],
        [0, 0, 0, 0, 0, 9],
        0.5,
        lambda overlap: 0.3,
        levels=[0, 0, 0, 1, 1, 0],
    )
    assert list(kept.rows) == [0, 2, 5]


@pytest.mark.parametrize("seed", range(20))
def test_properties_of_random_boxes(seed):
    """What the formulas say of each other: 25 boxes, threshold .4."""
    boxes, scores = drawn(25, seed)
    rows = list(oracle.greedy(boxes, scores, 0.4).rows)
    none = np.zeros(25)
    assert list(oracle.cluster(boxes, scores, 0.4).rows) == rows
    assert list(oracle.weighted(boxes, scores, 0.4).rows) == rows
    assert list(oracle.adaptive(boxes, scores, none, 0.4).rows) == rows
    assert list(oracle.iou_guided(boxes, scores, scores, 0.4).rows) == rows
    assert list(oracle.set_nms(boxes, scores, range(25), 0.4).rows) == rows
    assert list(oracle.feature(boxes, scores, none, low=0.4).rows) == rows
    same = oracle.semantics_geometry(boxes, scores, none, 0.4, lambda overlap: 0)
    assert list(same.rows) == rows
    assert set(oracle.fast(boxes, scores, 0.4).rows) <= set(rows)


@pytest.mark.parametrize("seed", range(5))
def test_tensorflow_agrees(seed):
    boxes, scores = drawn(25, seed)
    float_boxes, float_scores = np.float32(boxes), np.float32(scores)
    rows = tf.image.non_max_suppression(float_boxes, float_scores, 25, 0.4)
    assert list(oracle.greedy(boxes, scores, 0.4, inclusive=False).rows) == list(rows)
    rows, soft = tf.image.non_max_suppression_with_scores(
        float_boxes, float_scores, 25, 0.6, 0.1, soft_nms_sigma=0.3
    )
    kept = oracle.soft_gaussian_of_tensorflow(boxes, scores, 0.3, score_threshold=0.1)
    assert list(kept.rows) == list(rows)
    np.testing.assert_allclose(kept.scores, soft, atol=1e-5)


def test_without_boxes():
    nothing, one, three = np.zeros((0, 4)), np.zeros(0), np.zeros((0, 3))
    for kept in (
        oracle.greedy(nothing, one, 0.5),
        oracle.soft_linear(nothing, one, 0.5),
        oracle.soft_gaussian(nothing, one, 0.5),
        oracle.fast(nothing, one, 0.5),
        oracle.cluster(nothing, one, 0.5, sigma=0.2, beta=0.6),
        oracle.weighted(nothing, one, 0.5),
        oracle.cluster_weighted(nothing, one, 0.5),
        oracle.adaptive(nothing, one, one, 0.5),
        oracle.iou_guided(nothing, one, one, 0.5),
        oracle.set_nms(nothing, one, one, 0.5),
        oracle.feature(nothing, one, three),
        oracle.semantics_geometry(nothing, one, one, 0.5, lambda overlap: 1),
    ):
        assert kept.boxes.shape == (0, 4)
