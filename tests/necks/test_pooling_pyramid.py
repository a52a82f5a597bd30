"""Pooling pyramid: sizes, values, its one convolution."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

STAGES = MapSpecs(strides={"C4": 16, "C5": 32}, channels={"C4": 3, "C5": 5})


def _build(text=""):
    neck = registry.build(text_format.Parse(text, neck_pb2.PoolingPyramid()))
    neck.follow(STAGES)
    return neck


@pytest.mark.parametrize(
    ("size", "cells"), [(19, [19, 10, 5, 3, 2, 1]), (1, [1, 1, 1, 1, 1, 1])]
)
def test_six_maps_of_one_depth(size, cells):
    neck = _build()
    maps = neck({"C4": tf.random.normal([2, size, size, 3])})
    assert list(maps) == ["C4", "E1", "E2", "E3", "E4", "E5"]
    assert [tuple(m.shape) for m in maps.values()] == [(2, n, n, 3) for n in cells]
    assert list(neck.strides.values()) == [16, 32, 64, 128, 256, 512]
    assert set(neck.channels.values()) == {3} and not neck.variables


def test_maxima():
    """Of 1 to 9 in three rows: 5, 6 above 8, 9, whose maximum is 9."""
    x = tf.reshape(tf.range(1.0, 10.0), [1, 3, 3, 1])
    maps = _build('level: "C5" num_layers: 3')({"C5": x})
    np.testing.assert_array_equal(maps["E1"][0, :, :, 0], [[5, 6], [8, 9]])
    assert maps["E2"].numpy().item() == 9


def test_base_of_another_depth():
    """A 1x1 convolution of 3 * 8 weights and two trained vectors of batch norm."""
    neck = _build(
        "depth: 8 num_layers: 2 conv_hyperparams { batch_norm { scale: true } }"
    )
    x = tf.random.normal([2, 5, 5, 3])
    with tf.GradientTape() as tape:
        maps = neck({"C4": x}, training=True)
        loss = tf.reduce_sum(maps["E1"] ** 2)
    assert list(maps) == ["base", "E1"] and neck.channels["base"] == 8
    variables = neck.trainable_variables
    assert sum(int(np.prod(v.shape)) for v in variables) == 3 * 8 + 2 * 8
    gradients = tape.gradient(loss, [v.value for v in variables])
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("text", ['level: "C7"', "num_layers: 0", "depth: -1"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        _build(text)
