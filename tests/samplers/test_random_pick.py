"""A random choice: its number, its fairness, its seed."""

import numpy as np
import pytest
import tensorflow as tf
from kit import SEED, check_graph

from od_api.core.errors import UserError
from od_api.samplers._random_pick import random_pick, two_seeds


@pytest.mark.parametrize(
    ("count", "expected"), [([0, 0], [0, 0]), ([2, 5], [2, 3]), ([9, 9], [4, 3])]
)
def test_so_many_or_all(count, expected):
    """Of 4 and 3 candidates among 6 anchors; never one that is none."""
    candidates = tf.constant([[1, 1, 0, 1, 1, 0], [0, 1, 1, 0, 0, 1]]) > 0
    picked = check_graph(lambda n: random_pick(candidates, n, SEED), tf.constant(count))
    assert picked.dtype == tf.bool
    assert not np.any(picked & ~candidates)
    np.testing.assert_array_equal(np.sum(picked, axis=1), expected)


def test_every_candidate_is_as_likely():
    """1 of 4, 200 images: 50 each, within three deviations of 6.1."""
    candidates = tf.tile(tf.constant([[True, False, True, True, True]]), [200, 1])
    picked = np.asarray(random_pick(candidates, tf.ones([200], tf.int32), SEED))
    counts = picked.sum(axis=0)
    assert counts[1] == 0 and counts.sum() == 200
    assert np.abs(counts[[0, 2, 3, 4]] - 50).max() <= 19


def test_seed_decides():
    candidates, count = tf.fill([2, 60], True), tf.constant([30, 30])
    first, again = (random_pick(candidates, count, SEED) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != random_pick(candidates, count, (1, 2)))


def test_the_same_choice_under_xla():
    candidates = tf.constant(np.random.default_rng(0).random((2, 40)) < 0.5)
    check_graph(
        lambda x: random_pick(x, tf.constant([7, 9]), SEED),
        candidates,
        jit_compile=True,
    )


def test_two_seeds():
    first, second = np.asarray(two_seeds(SEED, "sampler"))
    assert first.shape == (2,) and np.any(first != second)
    with pytest.raises(UserError, match="my_sampler draws at random and needs a seed"):
        two_seeds(None, "my_sampler")
