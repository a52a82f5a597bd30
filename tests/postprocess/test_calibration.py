"""All five calibrators, through the config."""

import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.protos import post_processing_pb2


def convert(calibrator, values, converter="IDENTITY", **context):
    text = f"score_converter: {converter} calibration_config {{ {calibrator} }}"
    message = text_format.Parse(text, post_processing_pb2.PostProcessing())
    found = build(message, **context).convert(np.float32(values)[None, None])
    return found.numpy()[0, 0]


POINTS = "x_y_pair { x: .2 y: .1 } x_y_pair { x: .6 y: .5 } x_y_pair { x: 1 y: .6 }"
LINES = f"function_approximation {{ x_y_pairs {{ {POINTS} }} }}"


def test_function_approximation():
    """.4 is half way from .2 to .6: .3; .9 three quarters from .6 to 1: .575; outside
    the points the function is constant."""
    found = convert(LINES, [0, 0.2, 0.4, 0.6, 0.9, 1, 1.5])
    np.testing.assert_allclose(found, [0.1, 0.1, 0.3, 0.5, 0.575, 0.6, 0.6], atol=1e-6)


def test_function_approximation_equals_numpy_interp():
    x = np.linspace(-0.5, 1.5, 201, dtype=np.float32)
    expected = np.interp(x, [0.2, 0.6, 1], [0.1, 0.5, 0.6])
    np.testing.assert_allclose(convert(LINES, x), expected, atol=1e-6)


def test_function_approximation_acts_on_scores():
    """sigmoid(0) = .5, a quarter of the way from .6 back to .2: .4."""
    np.testing.assert_allclose(convert(LINES, [0.0], "SIGMOID"), [0.4], atol=1e-6)


def test_one_point_is_a_constant_and_nan_stays_nan():
    text = "function_approximation { x_y_pairs { x_y_pair { x: .5 y: .7 } } }"
    found = convert(text, [0, 0.5, 1, np.nan])
    np.testing.assert_allclose(found, [0.7, 0.7, 0.7, np.nan], atol=1e-6)


@pytest.mark.parametrize(
    "pairs, message",
    [
        ("", "at least one"),
        ("x_y_pair { x: .5 y: 0 } x_y_pair { x: .5 y: 1 }", "must increase"),
    ],
)
def test_bad_points(pairs, message):
    with pytest.raises(ConfigError, match=message):
        convert(f"function_approximation {{ x_y_pairs {{ {pairs} }} }}", [0])


def per_class(class_id):
    half = "x_y_pair { x: 0 y: 0 } x_y_pair { x: 1 y: .5 }"
    entry = f"key: {class_id} value {{ {half} }}"
    return f"class_id_function_approximations {{ class_id_xy_pairs_map {{ {entry} }} }}"


def test_class_id_function_approximations():
    """Id 2 is column 2 beside a background column, and column 1 without one."""
    values = [0.8, 0.6, 0.4]
    assert convert(per_class(2), values, num_classes=2) == pytest.approx(
        [0.8, 0.6, 0.2]
    )
    assert convert(per_class(2), values, num_classes=3) == pytest.approx(
        [0.8, 0.3, 0.4]
    )
    assert convert(per_class(0), values, num_classes=2) == pytest.approx(
        [0.4, 0.6, 0.4]
    )


def test_class_ids_that_do_not_exist():
    with pytest.raises(ValueError, match="class id 0, but ids go from 1 to 3"):
        convert(per_class(0), [0.8, 0.6, 0.4], num_classes=3)
    with pytest.raises(ValueError, match="class id 3, but ids go from 0 to 2"):
        convert(per_class(3), [0.8, 0.6, 0.4], num_classes=2)


def test_sigmoid_calibration():
    """1/(1+exp(-2 * 1 + 1)) = sigmoid(1) = .731059."""
    text = "sigmoid_calibration { sigmoid_parameters { a: -2 b: 1 } }"
    np.testing.assert_allclose(convert(text, [1.0]), [0.731059], atol=1e-6)


def test_class_id_sigmoid_calibrations():
    """Only class 1 changes; the default a = -1, b = 0 is the plain sigmoid."""
    text = (
        "class_id_sigmoid_calibrations "
        "{ class_id_sigmoid_parameters_map { key: 1 value {} } }"
    )
    found = convert(text, [1.0, 1.0, 1.0], num_classes=2)
    np.testing.assert_allclose(found, [1, 0.731059, 1], atol=1e-6)


def test_temperature_scaling_acts_on_logits():
    """sigmoid(2 / 2) = .731059."""
    text = "temperature_scaling_calibration { scaler: 2 }"
    np.testing.assert_allclose(convert(text, [2.0], "SIGMOID"), [0.731059], atol=1e-6)


def test_temperature_must_be_set():
    with pytest.raises(ConfigError, match=r"temperature.*scaler: is 0; it must be"):
        convert("temperature_scaling_calibration {}", [0])


def test_an_empty_calibrator_is_named():
    with pytest.raises(ConfigError, match=r"calibration_config.*empty"):
        convert("", [0])
