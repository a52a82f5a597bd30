"""Each region's mask of its class."""

import numpy as np
import tensorflow as tf
from kit import check_gradients, check_graph

from od_api.layers.class_masks import masks_of_classes


def test_each_region_gets_its_class():
    """Region m's mask of class k is 10 m + k everywhere."""
    masks = tf.constant([[0.0, 1, 2], [10, 11, 12]])[:, None, None, :]
    masks = tf.tile(masks, [1, 2, 4, 1])
    picked = check_graph(masks_of_classes, masks, tf.constant([2, 0]), jit_compile=True)
    assert picked.shape == (2, 2, 4)
    np.testing.assert_array_equal(picked[:, 0, 0], [2, 10])


def test_one_mask_of_all_classes():
    masks = tf.random.stateless_normal([3, 2, 4, 1], (1, 2))
    picked = masks_of_classes(masks, tf.constant([7, 0, 1]))
    np.testing.assert_array_equal(picked, masks[..., 0])


def test_gradient_goes_to_the_class_alone():
    masks = tf.ones([1, 1, 1, 3])
    (gradient,) = check_gradients(lambda m: masks_of_classes(m, [1]), masks)
    np.testing.assert_array_equal(tf.convert_to_tensor(gradient)[0, 0, 0], [0, 1, 0])


def test_no_region():
    picked = masks_of_classes(tf.zeros([0, 2, 4, 3]), tf.zeros([0], tf.int32))
    assert picked.shape == (0, 2, 4)
