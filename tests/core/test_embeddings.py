"""Distances of embeddings."""

import numpy as np
import tensorflow as tf

from od_api.core.embeddings import distances


def test_distances_are_euclidean():
    """3, 4, 5."""
    own = np.float32([[[0, 0], [3, 4]]])
    others = np.float32([[[0, 4], [3, 0], [0, 0]]])
    np.testing.assert_allclose(distances(own, others), [[[4, 3, 0], [3, 4, 5]]])


def test_near_ones_keep_their_digits():
    own, others = np.float32([[1000.0]]), np.float32([[1000.25]])
    np.testing.assert_array_equal(distances(own, others), [[0.25]])


def test_gradient():
    """Of |a - b| it is the direction; of a distance of 0 it is 0."""
    own, others = tf.constant([[0.0, 0], [3, 4]]), tf.constant([[0.0, 0]])
    with tf.GradientTape() as tape:
        tape.watch(own)
        total = tf.reduce_sum(distances(own, others))
    np.testing.assert_allclose(tape.gradient(total, own), [[0, 0], [0.6, 0.8]])
