"""How central points are."""

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.columns.centerness import CenternessColumn
from od_api.core.registry import build
from od_api.core.types import Assignment, as_priors
from od_api.protos import column_pb2

# Around (y, x) = (50, 50): left, top, right, bottom are 1, 2, 3, 2 and 2, 3, 8, 6.
BOXES = np.float32([[48, 49, 52, 53], [47, 48, 56, 58]])


def target(label, index, boxes=BOXES, points=((50, 50), (50, 50), (50, 49))):
    priors = as_priors(np.float32([[y, x, y, x] for y, x in points]))
    assignment = Assignment(
        tf.constant([index]), tf.constant([label]), tf.zeros([1, len(label)])
    )
    targets = kit.make_targets(boxes[None])
    return CenternessColumn().target(priors, assignment, targets, None)


def test_target():
    """sqrt(1 / 3), sqrt(2 / 8 * 3 / 6), and 0 on the left border of the first box."""
    got = target([1, 1, 1], [0, 1, 0])
    np.testing.assert_allclose(got[0, :, 0], [0.577350, 0.353553, 0], rtol=1e-5)


def test_no_target_without_an_object():
    np.testing.assert_array_equal(target([0, -1, 0], [0, 0, 0]), np.zeros([1, 3, 1]))
    nothing = target([0, 0, 0], [0, 0, 0], boxes=np.zeros([0, 4], np.float32))
    np.testing.assert_array_equal(nothing, np.zeros([1, 3, 1]))


def test_loss():
    """-t log p - (1 - t) log(1 - p) with p = sigmoid(logit)."""
    logits, wanted = np.float32([[[0.3], [-2]]]), np.float32([[[0.577350], [0]]])
    p = 1 / (1 + np.exp(-np.float64(logits)))
    want = -wanted * np.log(p) - (1 - wanted) * np.log(1 - p)
    loss = CenternessColumn().loss
    np.testing.assert_allclose(loss(logits, wanted), want[..., 0], rtol=1e-6)
    (gradient,) = kit.check_gradients(lambda x: loss(x, wanted), logits)
    np.testing.assert_allclose(gradient, p - wanted, rtol=1e-5)
    kit.check_gradients(lambda x: loss(x, wanted), np.float32([[[300], [-300]]]))


def test_score():
    score = CenternessColumn().score(tf.constant([[[0.0], [100.0], [-100.0]]]))
    np.testing.assert_allclose(score[0, :, 0], [0.5, 1, 0], atol=1e-6)


def test_field():
    part = build(column_pb2.Column(centerness={"weight": 0.5}))
    assert (part.name, part.width, part.weight) == ("centerness", 1, 0.5)


def test_bad_weight():
    with pytest.raises(ValueError, match="weight is -1"):
        CenternessColumn(weight=-1.0)
