"""Platt's scaling with each class's own numbers."""

import numpy as np
import tensorflow as tf
from calibration_kit import convert
from kit import check_graph

from od_api.postprocess.class_id_sigmoid_calibrations import (
    ClassIdSigmoidCalibrations,
)


def test_class_id_sigmoid_calibrations():
    """Only class 1 changes; the default a = -1, b = 0 is the plain sigmoid."""
    text = (
        "class_id_sigmoid_calibrations "
        "{ class_id_sigmoid_parameters_map { key: 1 value {} } }"
    )
    found = convert(text, [1.0, 1.0, 1.0], num_classes=2)
    np.testing.assert_allclose(found, [1, 0.731059, 1], atol=1e-6)


def test_each_class_has_its_own_numbers():
    """Ids 1 and 2 without a background: sigmoid(2 x 1) and sigmoid(-3)."""
    each = ClassIdSigmoidCalibrations(
        parameters_by_class={1: (-2.0, 0.0), 2: (0.0, 3.0)}, num_classes=2
    )
    found = check_graph(each, tf.constant([[[1.0, 1.0]]]))
    np.testing.assert_allclose(found, [[[0.880797, 0.047426]]], atol=1e-6)
