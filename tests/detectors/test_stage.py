"""Names of losses, and records made of a head's outputs."""

import numpy as np
import tensorflow as tf

from od_api.box_coders.faster_rcnn_box_coder import FasterRcnnBoxCoder
from od_api.core.types import as_priors
from od_api.detectors.stage import StageNames, predictions_of

PRIORS = as_priors([[0.0, 0, 10, 20], [10, 10, 30, 30]])
SHAPES = tf.constant([[40, 40], [40, 40]])


def test_names_and_weights_of_losses():
    losses = {"localization_loss": tf.constant(2.0), "classification_loss": 3.0}
    assert StageNames().of(losses) == losses
    first = StageNames("RPNLoss/", objectness=True, weight=0.5).of(losses)
    assert list(first) == ["RPNLoss/localization_loss", "RPNLoss/objectness_loss"]
    assert [float(x) for x in first.values()] == [1.0, 1.5]


def outputs(codes):
    return {
        "class_logits": tf.zeros([2, 2, 3], tf.float16),
        "box_codes": codes,
        "centerness": tf.ones([2, 2, 1], tf.float16),
    }


def test_codes_are_decoded_and_the_rest_are_columns():
    """A code of (10, 0, 0, 0) moves a box down by its height."""
    codes = tf.constant([[[10.0, 0, 0, 0], [0, 0, 0, 0]]] * 2)
    made = predictions_of(
        outputs(codes), PRIORS, FasterRcnnBoxCoder(), (40, 40), SHAPES
    )
    assert made.box_codes.shape == (2, 2, 1, 4) and made.boxes.shape == (2, 2, 1, 4)
    want = [[[10, 0, 20, 20]], [[10, 10, 30, 30]]]
    np.testing.assert_allclose(made.boxes, [want, want], atol=1e-4)
    assert list(made.columns) == ["centerness"]
    for value in (made.class_logits, made.columns["centerness"]):
        assert value.dtype == tf.float32


def test_one_box_a_class():
    """Codes of two classes: the second one's box is moved, and is told by its class."""
    codes = tf.tile([[[[0.0, 0, 0, 0], [0, 10, 0, 0]]]], [2, 2, 1, 1])
    made = predictions_of(
        outputs(codes), PRIORS, FasterRcnnBoxCoder(), (40, 40), SHAPES
    )
    classes = tf.constant([[0, 1], [1, 0]])
    np.testing.assert_allclose(
        made.boxes_of(classes),
        [[[0, 0, 10, 20], [10, 30, 30, 50]], [[0, 20, 10, 40], [10, 10, 30, 30]]],
        atol=1e-4,
    )
    np.testing.assert_array_equal(made.codes_of(classes)[..., 1], [[0, 10], [10, 0]])


def test_no_gradient_flows_through_the_boxes():
    codes = tf.ones([2, 2, 4])
    with tf.GradientTape() as tape:
        tape.watch(codes)
        made = predictions_of(
            outputs(codes), PRIORS, FasterRcnnBoxCoder(), (40, 40), SHAPES
        )
        total = tf.reduce_sum(made.boxes)
    assert tape.gradient(total, codes) is None
