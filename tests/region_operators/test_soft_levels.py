"""Soft level selection: its two limits, weights, forms."""

import numpy as np
import pytest
import region_cases
import tensorflow as tf
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.core.types import MapSpecs
from od_api.protos import region_operator_pb2
from od_api.region_operators.roi_align import RoiAlign

STRIDES = {"P2": 4, "P3": 8, "P4": 16, "P5": 32}
SPECS = MapSpecs(STRIDES, dict.fromkeys(STRIDES, 3))
SIZE = (3, 2)


def operator_of(fields="depth: 8", specs=SPECS):
    text = f"soft_levels {{ {fields} }}"
    message = text_format.Parse(text, region_operator_pb2.RegionOperator())
    operator = build(message)
    operator.build(specs)
    return operator


def maps():
    sides = {n: (-(-76 // s), -(-100 // s)) for n, s in STRIDES.items()}
    return {
        level: tf.constant(region_cases.features(i, 2, *side, channels=3))
        for i, (level, side) in enumerate(sides.items())
    }


def read(operator, features=None):
    boxes = tf.constant(region_cases.boxes())
    return operator(features or maps(), boxes, region_cases.IMAGE, SIZE)


def crops_of_each():
    return [read(RoiAlign(), {level: x}) for level, x in maps().items()]


def set_logits(operator, logits):
    """Every cell of every region has these logits."""
    kernel, bias = operator.layer.variables[2:]
    kernel.assign(tf.zeros(kernel.shape))
    bias.assign(logits)


def test_zero_logits_are_half_the_sum():
    operator = operator_of()
    set_logits(operator, [0, 0, 0, 0])
    np.testing.assert_allclose(
        read(operator), 0.5 * tf.add_n(crops_of_each()), atol=1e-5
    )


@pytest.mark.parametrize("level", range(4))
def test_one_level_alone(level):
    """Weights of 1 and 0: the crop of that map (T82)."""
    operator = operator_of()
    set_logits(operator, np.where(np.arange(4) == level, 1e3, -1e3))
    np.testing.assert_allclose(read(operator), crops_of_each()[level], atol=1e-5)


def test_weights_of_layers():
    """1x1 from 4 maps of 3 channels to 8, then 3x3 to 4."""
    assert operator_of().layer.count_params() == (12 + 1) * 8 + (9 * 8 + 1) * 4
    operator = operator_of()
    before = operator.layer
    operator.build(SPECS)
    assert operator.layer is before


def test_gradients_reach_all_maps_and_weights():
    operator, features = operator_of(), maps()
    values = [v.value for v in operator.layer.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(features)
        loss = tf.reduce_sum(read(operator, features) ** 2)
    gradients = tape.gradient(loss, [*features.values(), *values])
    assert all(g is not None and np.abs(g).max() > 0 for g in gradients)


def test_static_form_has_the_same_weights_and_values():
    operator = operator_of()
    static = operator.static()
    assert static.layer is operator.layer
    want = read(operator)
    run = tf.function(lambda x: read(static, x), jit_compile=True)
    np.testing.assert_allclose(run(maps()), want, atol=1e-5)
    half = {level: tf.cast(x, tf.float16) for level, x in maps().items()}
    got = read(static, half)
    assert got.dtype == tf.float16
    np.testing.assert_allclose(got, want, atol=0.02)


def test_another_operator_inside():
    operator = operator_of("depth: 8 region_operator { roi_max_pool {} }")
    assert read(operator).shape == (2, 12, 3, 2, 3)


def test_no_boxes():
    found = operator_of()(maps(), tf.zeros([2, 0, 4]), region_cases.IMAGE, SIZE)
    assert found.shape == (2, 0, 3, 2, 3)


def test_refusals():
    with pytest.raises(ConfigError, match="reads all maps itself"):
        operator_of("region_operator { soft_levels {} }")
    with pytest.raises(ConfigError, match="depth"):
        operator_of("depth: 0")
