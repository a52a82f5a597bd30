"""What of a LiteRT model is its network, and which of its layers are heads."""

import numpy as np
import tensorflow as tf

from od_api.exporting.litert_operators import operators
from od_api.exporting.network_part import NetworkPart


def converted(function, shape):
    spec = tf.TensorSpec(shape, tf.float32)
    traced = tf.function(function, input_signature=[spec]).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([traced]).convert()


def test_a_crop_at_found_places_parts_two_stages():
    """Trunk -> scores -> the best place -> its features -> classes."""
    kernel = tf.constant(np.ones((1, 1, 3, 3), np.float32))
    dense = tf.constant(np.ones((3, 2), np.float32))

    def run(image):
        trunk = tf.nn.relu(tf.nn.conv2d(image / 255, kernel, 1, "SAME", name="trunk"))
        scores = tf.nn.conv2d(trunk, kernel[..., :1], 1, "SAME", name="scores")
        _, place = tf.math.top_k(tf.reshape(scores, [16]), 1)
        features = tf.gather(tf.reshape(trunk, [16, 3]), place)
        return tf.matmul(features, dense, name="classes")

    found = NetworkPart(operators(converted(run, (1, 4, 4, 3))))
    assert len(found.weighted) == 3
    trunk, scores = found.order[:2]
    assert found.heads == set(found.order) - {trunk}
    assert "Relu" in trunk and trunk.endswith(";") and "scores" in scores
