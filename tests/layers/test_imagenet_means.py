"""The input of networks whose weights come from Caffe."""

import keras
import numpy as np
import tensorflow as tf

from od_api.layers.imagenet_means import bgr_less_means


def test_by_hand():
    """(R, G, B) = (124, 117, 104) -> (104 - 103.939, 117 - 116.779, 124 - 123.68)."""
    image = tf.constant([[[[124, 117, 104]]]], tf.uint8)
    result = bgr_less_means(image)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, [[[[0.061, 0.221, 0.32]]]], atol=1e-5)


def test_as_keras_has_it():
    """keras.applications' preprocessing of VGG and ResNet is the same."""
    images = np.random.default_rng(0).uniform(0, 255, (2, 3, 4, 3)).astype(np.float32)
    expected = keras.applications.resnet.preprocess_input(images.copy())
    np.testing.assert_allclose(bgr_less_means(images), expected, atol=1e-4)
