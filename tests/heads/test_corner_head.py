"""CornerNet's head: outputs, counts, and what one corner sees."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import keypoints_pb2


def build(text="depth: 16 pooling_depth: 8"):
    message = text_format.Parse(text, keypoints_pb2.CornerHead())
    return registry.build(message, num_classes=3)


def test_outputs_of_each_level():
    head = build()
    maps = {
        n: tf.random.stateless_normal([2, 5, 6, 8], (i, 1)) for i, n in enumerate("ab")
    }
    made = head(maps)
    assert list(made) == ["a", "b"]
    for outputs in made.values():
        assert {name: tuple(x.shape) for name, x in outputs.items()} == {
            f"{corner}_{kind}": (2, 5, 6, n)
            for corner in ("top_left", "bottom_right")
            for kind, n in (("heat", 3), ("embedding", 1), ("offset", 2))
        }
        assert all(x.dtype == tf.float32 for x in outputs.values())


def test_count_of_parameters():
    """A corner of 8 -> 16 channels, pooled at 8: kernels without bias and batch norms
    of 4 numbers a channel; branches with biases."""
    head = build()
    head({"a": keras.Input((None, None, 8))})
    pooled = 2 * (9 * 8 * 8 + 4 * 8) + 9 * 8 * 16 + 4 * 16
    joined = 8 * 16 + 4 * 16 + 9 * 16 * 16 + 4 * 16
    branches = 3 * (9 * 16 * 16 + 16) + sum(16 * n + n for n in (3, 1, 2))
    assert head.count_params() == 2 * (pooled + joined + branches)


def test_scores_begin_at_a_tenth():
    head = build()
    made = head({"a": tf.zeros([1, 4, 4, 8])})["a"]
    heat = tf.sigmoid(made["top_left_heat"])
    np.testing.assert_allclose(heat, tf.fill(heat.shape, 0.1), atol=2e-3)
    assert not made["top_left_offset"].numpy().any()


def test_a_corner_sees_what_lies_along_the_edges():
    """The top-left one of a cell far right and below of it; not left of it."""
    head = build()
    features = tf.Variable(tf.random.stateless_normal([1, 24, 24, 8], (3, 4)))

    def seen(corner):
        with tf.GradientTape() as tape:
            made = head({"a": features})["a"][f"{corner}_heat"][0, 12, 12]
            total = tf.reduce_sum(made)
        gradient = np.abs(tape.gradient(total, features)[0]).sum(-1)
        return gradient[12, 20:].any(), gradient[12, :4].any()

    assert seen("top_left") == (True, False)
    assert seen("bottom_right") == (False, True)


def test_cascade_sees_what_lies_inside():
    """Beyond its edges: of a map far to the right and below, but not of one before."""
    head = build('depth: 4 pooling_depth: 4 pooling: "cascade"')
    features = tf.Variable(tf.random.stateless_normal([1, 24, 24, 8], (3, 4)))
    with tf.GradientTape() as tape:
        made = head({"a": features})["a"]
        total = tf.reduce_sum(made["top_left_heat"][0, 8, 8])
    gradient = np.abs(tape.gradient(total, features)[0]).sum(-1)
    assert gradient[14:, 14:].any() and not gradient[:2].any()
    assert not gradient[:, :2].any()
    # Two looks with batch norm, and two plain kernels, at each of two corners.
    more = 2 * 2 * (9 * 8 * 4 + 4 * 4 + 9 * 4 * 4)
    plain = build("depth: 4 pooling_depth: 4")
    plain({"a": features})
    assert head.count_params() - plain.count_params() == more


def test_levels_have_weights_of_their_own():
    head = build()
    same = tf.random.stateless_normal([1, 4, 4, 8], (5, 6))
    made = head({"a": same, "b": same})
    assert not np.allclose(made["a"]["top_left_heat"], made["b"]["top_left_heat"])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("depth: 0", "depth"),
        ("pooling_depth: -1", "pooling_depth"),
        ("pooling: 'center'", "pooling"),
    ],
)
def test_refused(text, place):
    with pytest.raises(ConfigError, match=r"must be|take corner") as caught:
        build(text)
    assert caught.value.field_path == place
