"""Regularisers and initialisers from their messages."""

import keras
import numpy as np
import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.ranges import RangeError
from od_api.layers.kernel_settings import kernel_initializer, kernel_regularizer
from od_api.protos import hyperparams_pb2

KERNEL = np.array([[1.0, -2.0], [3.0, 0.0]], np.float32)


def regularizer(text):
    return kernel_regularizer(text_format.Parse(text, hyperparams_pb2.Regularizer()))


def initializer(text):
    return kernel_initializer(text_format.Parse(text, hyperparams_pb2.Initializer()))


def test_penalties_by_hand():
    """L1 of .1: .1 x (1 + 2 + 3) = .6; L2 of .1: .1 / 2 x (1 + 4 + 9) = .7."""
    assert float(regularizer("l1_regularizer { weight: .1 }")(KERNEL)) == pytest.approx(
        0.6
    )
    assert float(regularizer("l2_regularizer { weight: .1 }")(KERNEL)) == pytest.approx(
        0.7
    )


def test_empty_messages_are_none():
    assert regularizer("") is None and initializer("") is None


@pytest.mark.parametrize("kind", ["l1_regularizer", "l2_regularizer"])
def test_negative_weights_are_refused(kind):
    with pytest.raises(RangeError, match=rf"regularizer\.{kind}\.weight"):
        regularizer(f"{kind} {{ weight: -1 }}")


@pytest.mark.parametrize(
    ("text", "mean", "stddev", "most"),
    [
        ("random_normal_initializer { mean: 3 stddev: .5 }", 3, 0.5, np.inf),
        # Cut at two deviations, which leaves .88 of the deviation.
        ("truncated_normal_initializer { mean: 3 stddev: .5 }", 3, 0.44, 1),
        # Uniform of variance 2 / fan_in = 2 / 100: within sqrt(3 x .02) = .245.
        (
            "variance_scaling_initializer { factor: 2 uniform: true mode: FAN_IN }",
            0,
            0.1414,
            0.245,
        ),
        # fan_out is 400, the average 250.
        (
            "variance_scaling_initializer { factor: 2 uniform: true mode: FAN_OUT }",
            0,
            0.0707,
            0.1225,
        ),
        (
            "variance_scaling_initializer { factor: 2 uniform: true mode: FAN_AVG }",
            0,
            0.0894,
            0.155,
        ),
        ("variance_scaling_initializer { factor: 2 }", 0, 0.1414, 2.3 * 0.1414),
    ],
)
def test_moments_of_the_initialisers(text, mean, stddev, most):
    """40,000 numbers of a [100, 400] kernel: mean and deviation within 3 in 100."""
    drawn = np.asarray(initializer(text)((100, 400)))
    assert drawn.mean() == pytest.approx(mean, abs=0.03 * stddev + 0.01 * abs(mean))
    assert drawn.std() == pytest.approx(stddev, rel=0.03)
    assert np.abs(drawn - mean).max() <= most * 1.001


def test_names_of_keras():
    assert isinstance(
        initializer('keras_initializer_by_name: "he_normal"'),
        keras.initializers.HeNormal,
    )
    with pytest.raises(ConfigError, match="no initializer 'he_normall'"):
        initializer('keras_initializer_by_name: "he_normall"')


@pytest.mark.parametrize(
    "text",
    [
        "random_normal_initializer { stddev: -1 }",
        "truncated_normal_initializer { mean: nan }",
        "variance_scaling_initializer { factor: 0 }",
    ],
)
def test_numbers_out_of_range(text):
    with pytest.raises(RangeError, match=text.split()[0]):
        initializer(text)
