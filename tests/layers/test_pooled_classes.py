"""Logits of the mean over the cells of an image."""

import numpy as np
import tensorflow as tf

from od_api.layers.pooled_classes import PooledClasses, cells_inside

FEATURE = tf.constant(np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2))


def made(**settings):
    head = PooledClasses(2, name="classes", **settings)
    head(FEATURE)
    head._logits.set_weights([np.eye(2), np.zeros(2)])
    return head


def test_mean_of_all_cells_or_of_some():
    """Channels 0, 2, 4, 6 and 1, 3, 5, 7; of the first column 0, 4 and 1, 5."""
    np.testing.assert_allclose(made()(FEATURE), [[3, 4]])
    inside = tf.constant([[[1.0, 0.0], [1.0, 0.0]]])
    np.testing.assert_allclose(made()(FEATURE, inside), [[2, 3]])


def test_cells_with_a_part_of_the_image():
    """33 x 20 pixels of 16 each are 3 x 2 cells."""
    inside = cells_inside(tf.zeros([1, 4, 3, 5]), tf.constant([[33, 20]]), 16)
    np.testing.assert_array_equal(
        inside[0], [[1, 1, 0], [1, 1, 0], [1, 1, 0], [0, 0, 0]]
    )


def test_dropout_is_of_training_alone():
    head = made(keep_probability=0.5)
    np.testing.assert_allclose(head(FEATURE), [[3, 4]])
    seen = {tuple(head(FEATURE, training=True).numpy()[0]) for _ in range(20)}
    assert seen <= {(a, b) for a in (0, 6) for b in (0, 8)} and len(seen) > 1
