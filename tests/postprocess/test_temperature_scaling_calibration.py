"""Logits divided by one temperature."""

import numpy as np
import pytest
import tensorflow as tf
from calibration_kit import convert
from kit import check_graph

from od_api.core.errors import ConfigError
from od_api.postprocess.temperature_scaling_calibration import (
    TemperatureScalingCalibration,
)


def test_temperature_scaling_acts_on_logits():
    """sigmoid(2 / 2) = .731059."""
    text = "temperature_scaling_calibration { scaler: 2 }"
    np.testing.assert_allclose(convert(text, [2.0], "SIGMOID"), [0.731059], atol=1e-6)


def test_temperature_must_be_set():
    with pytest.raises(ConfigError, match=r"temperature.*scaler: is 0; it must be"):
        convert("temperature_scaling_calibration {}", [0])


def test_order_stays_and_certainty_falls():
    """With temperature 2 the softmax of (4, 0) is that of (2, 0): .881 and .119."""
    cooler = TemperatureScalingCalibration(scaler=2)
    assert cooler.on_logits
    scores = tf.nn.softmax(check_graph(cooler, tf.constant([[[4.0, 0.0]]])))
    np.testing.assert_allclose(scores, [[[0.880797, 0.119203]]], atol=1e-6)
    logits = tf.constant([[[3.0, -1.0]]])
    np.testing.assert_array_equal(
        TemperatureScalingCalibration(scaler=1)(logits), logits
    )
