"""How crowded objects' places are."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.columns.density import DensityColumn
from od_api.core.registry import build
from od_api.core.types import Assignment
from od_api.protos import column_pb2

# The first two share 7 of 13 columns.
BOXES = np.float32([[0, 0, 10, 10], [0, 3, 10, 13], [40, 40, 50, 50]])


def test_of_objects():
    found = DensityColumn().of_objects(kit.make_targets([BOXES]))
    np.testing.assert_allclose(found, [[7 / 13, 7 / 13, 0]], rtol=1e-6)


def test_of_the_same_class():
    targets = kit.make_targets([BOXES], classes=[[0, 1, 0]])
    found = DensityColumn(same_class=True).of_objects(targets)
    np.testing.assert_array_equal(found, [[0, 0, 0]])
    targets = kit.make_targets([BOXES], classes=[[1, 1, 0]])
    found = DensityColumn(same_class=True).of_objects(targets)
    np.testing.assert_allclose(found, [[7 / 13, 7 / 13, 0]], rtol=1e-6)


def test_padding_and_ignored_boxes_are_no_objects():
    """Padding rows are equal boxes of no size; an ignored one crowds nobody."""
    valid = [[1, 0, 0]]
    found = DensityColumn().of_objects(kit.make_targets([BOXES], valid=valid))
    np.testing.assert_array_equal(found, [[0, 0, 0]])
    targets = kit.make_targets([BOXES])
    ignored = tf.constant([[False, True, False]])
    found = DensityColumn().of_objects(targets._replace(ignored=ignored))
    np.testing.assert_array_equal(found, [[0, 0, 0]])


def test_against_pairs():
    rng = np.random.default_rng(0)
    boxes = kit.random_boxes(rng, 2, 8, size=40)
    found = DensityColumn().of_objects(kit.make_targets(boxes)).numpy()
    for i, own in enumerate(boxes):
        for j, a in enumerate(own):
            best = 0.0
            for k, b in enumerate(own):
                height = min(a[2], b[2]) - max(a[0], b[0])
                width = min(a[3], b[3]) - max(a[1], b[1])
                overlap = max(height, 0) * max(width, 0)
                areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
                if k != j:
                    best = max(best, overlap / (sum(areas) - overlap))
            np.testing.assert_allclose(found[i, j], best, rtol=1e-4, atol=1e-7)


def _target(label, index, boxes):
    label = tf.constant([label])
    assignment = Assignment(tf.constant([index]), label, tf.zeros(label.shape))
    return DensityColumn().target(None, assignment, kit.make_targets([boxes]), None)


def test_target_is_that_of_the_prior_s_object():
    got = _target([1, 1, 0, -1, 1], [0, 2, 0, 0, 1], BOXES)
    np.testing.assert_allclose(got[0, :, 0], [7 / 13, 0, 0, 0, 7 / 13], rtol=1e-6)


def test_target_without_ground_truth():
    got = _target([0, 0], [0, 0], np.zeros([0, 4]))
    np.testing.assert_array_equal(got, np.zeros([1, 2, 1]))


def test_loss():
    """.5 d^2 up to 1, then d - .5."""
    values, wanted = np.float32([[[0.3], [2.5]]]), np.float32([[[0.5], [0.5]]])
    loss = DensityColumn().loss
    np.testing.assert_allclose(loss(values, wanted), [[0.02, 1.5]], rtol=1e-5)
    kit.check_gradients(lambda x: loss(x, wanted), values)


def test_score_is_a_share():
    found = DensityColumn().score(tf.constant([[[-0.5], [0.4], [1.5]]]))
    np.testing.assert_allclose(found[0, :, 0], [0, 0.4, 1])


def test_field():
    part = build(column_pb2.Column(density={"weight": 0.5, "same_class": True}))
    assert (part.name, part.width) == ("density", 1)
    assert (part.weight, part.same_class) == (0.5, True)


def test_bad_weight():
    with pytest.raises(ValueError, match="weight is -1"):
        DensityColumn(weight=-1.0)
