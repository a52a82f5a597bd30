"""Soft suppression: by hand, by TensorFlow's kernel, and at its limits."""

import functools

import numpy as np
import oracle
import pytest
import tensorflow as tf
from oracle_kit import check_against, drawn
from suppression_kit import ABC, ABC_SCORES, kept, rows

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import suppression_pb2
from od_api.suppressions.greedy_nms import GreedyNms
from od_api.suppressions.soft_nms import SoftNms

A, B, C = range(3)


@pytest.fixture(params=["native", "static"])
def form(request):
    return (lambda part: part.static()) if request.param == "static" else lambda x: x


def test_gaussian_by_hand(form):
    """C: .7 exp(-.25^2 / .5). B: .8 exp(-2 (7/13)^2 / .5), by A and then by C."""
    found = dict(kept(form(SoftNms())))
    assert list(found) == [A, C, B]
    np.testing.assert_allclose(found[A], 0.9, rtol=1e-6)
    np.testing.assert_allclose(found[C], 0.617748, rtol=1e-5)
    np.testing.assert_allclose(found[B], 0.250848, rtol=1e-5)


def test_linear_by_hand():
    """B: .8 (1 - 7/13)^2, by A and by C; IoU(A, C) is below .3."""
    found = dict(kept(SoftNms(decay="LINEAR")))
    assert list(found) == [A, C, B]
    np.testing.assert_allclose(list(found.values()), [0.9, 0.7, 0.170414], rtol=1e-5)


def test_an_overlap_of_the_threshold_counts():
    """IoU .5 of a box and its half: .8 (1 - .5)."""
    boxes, scores = [[0, 0, 10, 10], [0, 0, 10, 5]], [0.9, 0.8]
    found = kept(SoftNms(decay="LINEAR", iou_threshold=0.5), boxes, scores)
    np.testing.assert_allclose(found[1][1], 0.4, rtol=1e-6)


def test_what_falls_to_the_floor_is_gone(form):
    assert rows(form(SoftNms()), floor=0.26) == [A, C]
    assert rows(SoftNms(decay="LINEAR"), floor=0.18) == [A, C]


def test_sigma_is_twice_tensorflow_s(form):
    _, scores = tf.image.non_max_suppression_with_scores(
        ABC, ABC_SCORES, 3, 1.0, 0.0, soft_nms_sigma=0.5
    )
    found = kept(form(SoftNms(sigma=1.0)))
    np.testing.assert_allclose([score for _, score in found], scores, rtol=1e-5)


def test_gaussian_beside_the_oracle():
    check_against(
        functools.partial(oracle.soft_gaussian, sigma=0.3), SoftNms(sigma=0.3)
    )


def test_linear_beside_the_oracle():
    want = functools.partial(oracle.soft_linear, threshold=0.4)
    check_against(want, SoftNms(decay="LINEAR", iou_threshold=0.4))


def test_tiny_sigma_is_greedy_of_any_overlap(form):
    boxes, scores = drawn(np.random.default_rng(0), count=40)
    found = rows(form(SoftNms(sigma=1e-6)), boxes, scores, floor=1e-3, limit=40)
    greedy = rows(GreedyNms(iou_threshold=0.01), boxes, scores, floor=1e-3, limit=40)
    assert found == greedy and len(found) > 3


def test_similarity_of_its_own():
    """DIoU(A, B) = .505004, DIoU(A, C) = .148876; what is below 0 takes nothing."""
    message = suppression_pb2.SoftNms(similarity={"diou_similarity": {}})
    found = dict(kept(build(message)))
    expected = 0.7 * np.exp(-(0.148876**2) / 0.5)
    np.testing.assert_allclose(found[C], expected, rtol=1e-5)
    apart = [[0, 0, 1, 1], [50, 50, 51, 51]]
    assert kept(build(message), apart, [1.0, 0.5]) == [(0, 1.0), (1, 0.5)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(sigma=0.0), "sigma: is 0; it must be above 0"),
        (dict(iou_threshold=0.5), "decay is not LINEAR"),
        (dict(decay="LINEAR", sigma=0.5), "no effect on a decay of LINEAR"),
    ],
)
def test_settings_that_cannot_be(fields, message):
    with pytest.raises(ConfigError, match=message):
        build(suppression_pb2.SoftNms(**fields))
