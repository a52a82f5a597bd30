"""Platt's scaling: by hand and against the plain sigmoid."""

import numpy as np
import pytest
import tensorflow as tf
from calibration_kit import convert
from kit import check_gradients, check_graph

from od_api.postprocess.sigmoid_calibration import SigmoidCalibration


def test_sigmoid_calibration():
    """1/(1+exp(-2 * 1 + 1)) = sigmoid(1) = .731059."""
    text = "sigmoid_calibration { sigmoid_parameters { a: -2 b: 1 } }"
    np.testing.assert_allclose(convert(text, [1.0]), [0.731059], atol=1e-6)


def test_defaults_are_the_plain_sigmoid():
    """a = -1, b = 0; and with a = 0 every score is sigmoid(-b)."""
    logits = np.random.default_rng(0).normal(0, 3, (2, 5, 3)).astype(np.float32)
    expected = 1 / (1 + np.exp(-logits))
    found = check_graph(SigmoidCalibration(), tf.constant(logits))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(
        SigmoidCalibration(a=0, b=1)(logits), 0.268941, atol=1e-6
    )
    (gradient,) = check_gradients(SigmoidCalibration(), [[-200.0, 0.0, 200.0]])
    np.testing.assert_allclose(gradient, [[0, 0.25, 0]], atol=1e-6)


def test_scores_fall_where_a_is_positive():
    found = SigmoidCalibration(a=2.0)(tf.constant([-1.0, 0.0, 1.0])).numpy()
    np.testing.assert_allclose(found, [0.880797, 0.5, 0.119203], atol=1e-6)


def test_parameters_are_numbers():
    with pytest.raises(ValueError, match="a"):
        SigmoidCalibration(a=float("nan"))
