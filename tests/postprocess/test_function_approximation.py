"""Scores through straight lines: by hand and as NumPy has it."""

import numpy as np
import pytest
import tensorflow as tf
from calibration_kit import convert
from kit import check_gradients, check_graph

from od_api.core.errors import ConfigError
from od_api.postprocess.function_approximation import FunctionApproximation

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


def test_shapes_and_the_straight_line():
    """Lines from (0, 0) to (1, 1) are the identity within 0..1, of any shape."""
    same = FunctionApproximation(points=[(0, 0), (0.25, 0.25), (1, 1)])
    scores = np.random.default_rng(0).uniform(size=(2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(
        check_graph(same, tf.constant(scores)), scores, atol=1e-6
    )
    check_gradients(same, scores)
    assert same(scores[:, :0]).shape == (2, 0, 4)
