"""Sums by learnt weights: the numbers of each method, gradients."""

import math

import pytest
import tensorflow as tf

from od_api.layers.weighted_sum import WeightedSum

E = math.e


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fast_attention", (1 * 10 + 3 * 2) / 4.0001),
        ("attention", (E * 10 + E**-2 * 1 + E**3 * 2) / (E + E**-2 + E**3)),
        ("weighted_sum", 10 - 2 + 6),
        ("sum", 13),
    ],
)
def test_weights_1_minus_2_and_3_over_10_1_and_2(method, expected):
    """Fast attention: relu makes -2 zero, and 1 + 0 + 3 + .0001 divides."""
    layer = WeightedSum(3, method, name="sum")
    layer.build([])
    if layer.weights:
        layer.weights[0].assign([1.0, -2.0, 3.0])
    maps = [tf.fill([1, 2, 2, 1], value) for value in (10.0, 1.0, 2.0)]
    assert layer(maps)[0, 1, 1, 0].numpy() == pytest.approx(expected, rel=1e-5)


def test_all_weights_below_zero_add_nothing_and_stay_finite():
    layer = WeightedSum(2, "fast_attention", name="sum")
    layer.build([])
    layer.weights[0].assign([-1.0, -1.0])
    with tf.GradientTape() as tape:
        total = layer([tf.ones([1, 1, 1, 2])] * 2)
    assert not tf.reduce_any(total != 0.0)
    gradient = tape.gradient(total, layer.weights[0].value)
    assert tf.reduce_all(tf.math.is_finite(gradient))


def test_half_precision_keeps_its_type():
    layer = WeightedSum(2, "fast_attention", name="sum")
    maps = [tf.ones([1, 1, 1, 2], tf.float16)] * 2
    layer.build([])
    assert layer.weights[0].dtype == "float32"
    assert layer.call(maps).dtype == tf.float16
