"""The head of a matrix net of corners: outputs, counts, and what levels share."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import keypoints_pb2

SMALL = "depth: 16 num_layers_before_predictor: 2"


def build(text=SMALL):
    message = text_format.Parse(text, keypoints_pb2.CornerToCenterHead())
    return registry.build(message, num_classes=3)


def test_outputs_of_each_level():
    made = build()({"a": tf.ones([2, 5, 6, 8]), "b": tf.ones([2, 5, 3, 8])})
    for level, width in (("a", 6), ("b", 3)):
        assert {name: tuple(x.shape) for name, x in made[level].items()} == {
            f"{corner}_{kind}": (2, 5, width, n)
            for corner in ("top_left", "bottom_right")
            for kind, n in (("heat", 3), ("offset", 2), ("center", 2))
        }
        assert all(x.dtype == tf.float32 for x in made[level].values())
    heat = tf.sigmoid(build()({"a": tf.zeros([1, 4, 4, 8])})["a"]["top_left_heat"])
    np.testing.assert_allclose(heat, tf.fill(heat.shape, 0.1), atol=2e-3)


def test_count_of_parameters_and_their_names():
    """Six towers of 8 -> 16 -> 16 channels, and 3, 2 and 2 numbers of each corner.

    However many levels there are."""
    towers = 6 * (9 * 8 * 16 + 16 + 9 * 16 * 16 + 16)
    predictions = 2 * sum(9 * 16 * n + n for n in (3, 2, 2))
    for levels in ("a", "abc"):
        head = build()
        head({level: keras.Input((None, None, 8)) for level in levels})
        assert head.count_params() == towers + predictions
        assert len({v.path for v in head.weights}) == len(head.weights) == 6 * 3 * 2


def test_levels_share_their_weights():
    """Two levels of one map give the same; each has a gradient in all weights."""
    head = build(f"{SMALL} conv_hyperparams {{ group_norm {{}} }}")
    same = tf.random.stateless_normal([1, 4, 4, 8], (5, 6))
    with tf.GradientTape() as tape:
        made = head({"a": same, "b": same})
        total = tf.add_n([tf.reduce_sum(x * x) for x in made["b"].values()])
    for name, x in made["a"].items():
        np.testing.assert_array_equal(x, made["b"][name])
    gradients = tape.gradient(total, [v.value for v in head.trainable_weights])
    assert all(np.isfinite(g).all() for g in gradients)


def test_levels_of_several_depths_are_refused():
    with pytest.raises(ValueError, match="same depth on each"):
        build()({"a": tf.zeros([1, 4, 4, 8]), "b": tf.zeros([1, 4, 4, 9])})


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("depth: 0", "depth", "must be"),
        ("num_layers_before_predictor: -1", "num_layers_before_predictor", "must be"),
        ("kernel_size: 0", "kernel_size", "must be"),
        ("conv_hyperparams { batch_norm {} }", "conv_hyperparams", "take group_norm"),
    ],
)
def test_refused(text, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        build(text)
    assert caught.value.field_path == place
