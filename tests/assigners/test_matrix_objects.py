"""Which layers of a matrix net a box belongs to, known by their strides."""

import kit
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.assigners.matrix_assigner import MatrixAssigner
from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.matrix_layers import matrix_layers
from od_api.core.types import Priors
from od_api.protos import keypoints_pb2

PLACES = matrix_layers(5, 2)
STRIDES = [8 << i if i == j else (8 << i, 8 << j) for i, j in PLACES]


def build(text="", strides=STRIDES):
    message = text_format.Parse(text, keypoints_pb2.MatrixObjects())
    return registry.build(message, strides=strides)


def layers_of(height, width, text=""):
    box = tf.constant([7.0, 9.0, 7.0 + height, 9.0 + width])
    objects = build(text)
    return [p for n, p in enumerate(PLACES) if bool(objects.belong(box, n))]


def test_by_hand():
    """As in the paper: 40 x 40 is of the base layer, and with tolerance (from .8 * 48 =
    38.4 on) of the next, too; 90 px are of the second step, from 76.8 on of the third.
    """
    exact = "low_tolerance: 1 high_tolerance: 1"
    assert layers_of(40, 40, exact) == [(0, 0)]
    assert layers_of(40, 90, exact) == [(0, 1)]
    assert layers_of(40, 40) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert layers_of(36, 90) == [(0, 1), (0, 2)]
    assert layers_of(36, 2000, exact) == [(0, 2)]
    assert layers_of(36, 90, "base_size: 12 low_tolerance: 1 high_tolerance: 1") == [
        (1, 2)
    ]


def test_as_the_assigner_of_points():
    """The point in the middle of a box is positive where the box belongs."""
    points = Priors(
        boxes=tf.zeros([len(PLACES), 4]),
        strides=tf.constant([[8 << i, 8 << j] for i, j in PLACES], tf.float32),
        levels=tf.range(len(PLACES)),
        valid=tf.ones([len(PLACES)], tf.bool),
    )
    objects, assigner = build(), MatrixAssigner()
    for side in np.random.default_rng(2).uniform(5, 900, (20, 2)):
        box = np.float32([*(-side / 2), *(side / 2)])
        label = assigner.assign(points, kit.make_targets([[box]])).label.numpy()[0]
        found = [bool(objects.belong(tf.constant(box), n)) for n in range(len(PLACES))]
        np.testing.assert_array_equal(found, label == 1)


def test_any_number_of_boxes():
    boxes = kit.random_boxes(np.random.default_rng(1), 2, 3)
    assert build().belong(tf.constant(boxes), 0).shape == (2, 3)
    assert build().belong(tf.zeros([2, 0, 4]), 18).shape == (2, 0)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("base_size: 0", "base_size"),
        ("low_tolerance: 1.5", "low_tolerance"),
        ("high_tolerance: 0.5", "high_tolerance"),
    ],
)
def test_refused(text, place):
    with pytest.raises(ConfigError, match="must be") as caught:
        build(text)
    assert caught.value.field_path == place


def test_levels_of_no_matrix_are_refused():
    with pytest.raises(ConfigError, match=r"strides of \[8, 8\]"):
        build(strides=[8, 8])
