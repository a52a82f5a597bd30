"""Embeddings and their margin loss: by hand, and pair by pair."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.columns.embedding import EmbeddingColumn
from od_api.core.registry import build
from od_api.core.types import Assignment
from od_api.protos import column_pb2


def column(**options):
    return EmbeddingColumn(**{"width": 2, "normalize": False, **options})


def pair(distance, same):
    """The loss of an image with two priors, so far apart; the mean of both orders."""
    values = np.float32([[[0, 0], [distance, 0], [9, 9]]])
    target = np.float32([[[3], [3 if same else 1], [-1]]])
    losses = column().loss(values, target)
    assert losses[0, 2] == 0
    return np.sum(losses) / 2


@pytest.mark.parametrize(
    ("distance", "same", "value"),
    [(0.7, True, 0), (1, True, 0.2), (1, False, 0.2), (1.3, False, 0), (0, False, 1.2)],
)
def test_a_pair(distance, same, value):
    """beta 1, alpha .2."""
    np.testing.assert_allclose(pair(distance, same), value, atol=1e-6)


def _mean_of_pairs(embeddings, objects, margin=1.0, slack=0.2):
    losses = []
    for i, a in enumerate(embeddings):
        for j, b in enumerate(embeddings):
            d = np.sqrt(np.sum((a - b) ** 2))
            if i == j:
                continue
            if objects[i] == objects[j]:
                losses.append(max(0, d - (margin - slack)))
            else:
                losses.append(max(0, margin + slack - d))
    return np.mean(losses) if losses else 0


@pytest.mark.parametrize("normalize", [False, True])
def test_sums_are_means_of_pairs_times_positives(normalize):
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (2, 12, 4)).astype(np.float32)
    objects = rng.integers(-1, 3, (2, 12))
    objects[1, 1:] = -1
    part = EmbeddingColumn(width=4, normalize=normalize)
    losses = part.loss(values, np.float32(objects[..., None]))
    for i in range(2):
        own = np.float64(values[i][objects[i] >= 0])
        if normalize:
            own /= np.linalg.norm(own, axis=1, keepdims=True)
        want = len(own) * _mean_of_pairs(own, objects[i][objects[i] >= 0])
        np.testing.assert_allclose(np.sum(losses[i]), want, rtol=1e-4)
        np.testing.assert_array_equal(losses[i].numpy()[objects[i] < 0], 0)
    # One positive has no pair.
    np.testing.assert_array_equal(losses[1], np.zeros(12))


def test_of_many_some_stand_for_all():
    """10 of 40 positives: every fourth; 40 times the mean of their pairs."""
    rng = np.random.default_rng(2)
    values = rng.normal(0, 0.5, (1, 50, 2)).astype(np.float32)
    objects = np.full([1, 50, 1], -1, np.float32)
    objects[0, 5:45, 0] = rng.integers(0, 4, 40)
    losses = column(max_priors=10).loss(values, objects)[0].numpy()
    rows = np.arange(5 + 3, 45, 4)
    assert set(np.flatnonzero(losses)) <= set(rows)
    want = 40 * _mean_of_pairs(np.float64(values[0, rows]), objects[0, rows, 0])
    np.testing.assert_allclose(losses.sum(), want, rtol=1e-4)


def test_target_is_the_object_s_row():
    label = tf.constant([[1, 0, -1, 1]])
    assignment = Assignment(tf.constant([[2, 0, 0, 0]]), label, tf.zeros([1, 4]))
    got = column().target(None, assignment, None, None)
    np.testing.assert_array_equal(got, [[[2], [-1], [-1], [0]]])


def test_gradients_are_finite_where_embeddings_are_equal():
    values = np.zeros([1, 4, 2], np.float32)
    target = np.float32([[[0], [0], [1], [1]]])
    for normalize in (False, True):
        part = column(normalize=normalize)
        (gradient,) = kit.check_gradients(lambda x, p=part: p.loss(x, target), values)
        np.testing.assert_array_equal(gradient, values)


def test_graph_and_xla():
    rng = np.random.default_rng(3)
    values = tf.constant(rng.normal(0, 1, (2, 30, 2)), tf.float32)
    target = tf.constant(rng.integers(-1, 3, (2, 30, 1)), tf.float32)
    for jit in (None, True):
        kit.check_graph(column(max_priors=8).loss, values, target, jit_compile=jit)


def test_no_priors_and_no_objects():
    assert column().loss(np.zeros([2, 0, 2], "f"), np.zeros([2, 0, 1], "f")).shape == (
        2,
        0,
    )
    nothing = column().loss(np.ones([1, 3, 2], "f"), -np.ones([1, 3, 1], "f"))
    np.testing.assert_array_equal(nothing, np.zeros([1, 3]))


def test_score_has_length_1():
    found = EmbeddingColumn(width=2).score(tf.constant([[3.0, 4.0], [0, 0]]))
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]])


def test_field():
    part = build(column_pb2.Column(embedding={"weight": 0.5, "width": 8}))
    assert (part.name, part.width, part.weight) == ("embedding", 8, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("weight", -1.0), ("width", 0), ("margin", 0.0), ("slack", 1.5)],
)
def test_bad_settings(name, value):
    with pytest.raises(ValueError, match=f"{name} is"):
        EmbeddingColumn(**{name: value})
