"""Operations on pairs: by hand on five boxes of which each removes the next."""

import numpy as np
import tensorflow as tf

from od_api.suppressions._pairwise import (
    averaged,
    of_better,
    owned,
    removed_by,
    similarities,
    survivors,
)

CHAIN = tf.constant(np.eye(5, k=1, dtype=bool))
ALL = tf.ones([5], tf.bool)


def test_pairs_of_which_the_first_is_better_and_both_are():
    real = tf.constant([True, True, False])
    np.testing.assert_array_equal(
        of_better(real), [[False, True, False], [False] * 3, [False] * 3]
    )


def test_removed_by_some():
    standing = tf.constant([True, False, False, True, False])
    expected = [False, True, False, False, True]
    np.testing.assert_array_equal(removed_by(standing, CHAIN), expected)


def test_survivors_of_a_chain():
    """Each second one stands, since what is removed removes nothing."""
    expected = [True, False, True, False, True]
    np.testing.assert_array_equal(survivors(CHAIN, ALL), expected)


def test_survivors_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    removes = np.triu(rng.uniform(size=(6, 20, 20)) < 0.15, 1)
    real = rng.uniform(size=(6, 20)) < 0.8
    removes &= real[:, :, None] & real[:, None]
    expected = real.copy()
    for image in range(6):
        for i in range(20):
            if expected[image, i]:
                expected[image] &= ~removes[image, i]
    found = survivors(tf.constant(removes), tf.constant(real))
    np.testing.assert_array_equal(found, expected)


def test_each_has_one_owner():
    """0 and 1 both overlap 2, and 1 does not stand: 2 is 0's."""
    removes = tf.constant(np.array([[0, 1, 1], [0, 0, 1], [0, 0, 0]], bool))
    found = owned(tf.constant([True, False, False]), removes)
    np.testing.assert_array_equal(found, [[0, 1, 1], [0, 0, 0], [0, 0, 0]])
    found = owned(tf.constant([False, True, False]), removes)
    np.testing.assert_array_equal(found, [[0, 0, 0], [0, 0, 1], [0, 0, 0]])


def test_averages():
    """(.5 * 0 + .25 * .5 * 10) / (.5 + .125) = 2; the others stay, also without any."""
    boxes = np.float32([[0] * 4, [10] * 4, [7] * 4])
    weights = np.float32([[0, 0.5, 1], [0, 0, 0], [0, 0, 0]])
    found = averaged(weights, tf.constant([0.5, 0.25, -np.inf]), tf.constant(boxes))
    np.testing.assert_allclose(found, [[2] * 4, [10] * 4, [7] * 4], rtol=1e-6)


def test_similarity_is_iou_or_what_is_given():
    boxes = tf.constant([[0, 0, 2.0, 2], [0, 0, 1, 2]])
    np.testing.assert_allclose(similarities(None, boxes), [[1, 0.5], [0.5, 1]])
    np.testing.assert_allclose(
        similarities(lambda a, b: a @ tf.transpose(b), boxes), [[8, 6], [6, 5]]
    )
