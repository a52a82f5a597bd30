"""IoU of predicted boxes with objects."""

import kit
import numpy as np
import tensorflow as tf

from od_api.core.predicted_overlaps import predicted_overlaps
from od_api.core.types import Predictions

OBJECTS = [[0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 2]]


def _overlaps(boxes, targets):
    case = Predictions(
        None, None, tf.constant(boxes, tf.float32), None, {}, (9, 9), None
    )
    return predicted_overlaps(case, targets)


def test_of_one_box_a_prior():
    """The last object is padding, the second ignored; the box is half the first."""
    targets = kit.make_targets([OBJECTS], valid=[[1, 1, 0]])
    found = _overlaps([[[[0, 0, 10, 5]], [[0, 0, 10, 20]]]], targets)
    np.testing.assert_allclose(found, [[[0.5, 0.5], [1, 0.25], [-1, -1]]])
    ignored = tf.constant([[False, True, False]])
    found = _overlaps([[[[0, 0, 10, 5]]]], targets._replace(ignored=ignored))
    np.testing.assert_allclose(found, [[[0.5], [-1], [-1]]])


def test_of_boxes_by_class():
    targets = kit.make_targets([OBJECTS[:2]], classes=[[1, 0]])
    found = _overlaps([[[[0, 0, 10, 5], [0, 0, 10, 10]]]], targets)
    np.testing.assert_allclose(found, [[[1], [1]]])


def test_there_is_no_gradient():
    boxes = tf.constant([[[[0.0, 0, 10, 5]]]])
    with tf.GradientTape() as tape:
        tape.watch(boxes)
        case = Predictions(None, None, boxes, None, {}, (9, 9), None)
        found = predicted_overlaps(case, kit.make_targets([OBJECTS]))
    assert tape.gradient(found, boxes) is None
