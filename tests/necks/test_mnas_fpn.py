"""MnasFPN: count, sizes, values, gradients."""

import math

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

NORM = "conv_hyperparams { batch_norm { scale: true } }"
# Of MobileNet v2.
CHANNELS = {"C3": 32, "C4": 96, "C5": 320}


def _build(text=""):
    return registry.build(text_format.Parse(text, neck_pb2.MnasFpn()))


def _maps(size, channels=(2, 3, 4)):
    return {
        f"C{n}": tf.random.normal([2, -(-size // 2**n), -(-size // 2**n), depth])
        for n, depth in zip((3, 4, 5), channels, strict=True)
    }


def test_parameters():
    """1x1 convolutions have two vectors of batch norm, separable ones after theirs.

    A later cell, all of 48 channels: expanded depths are 2 * (256 + 3 * 128 + 96) =
    1,472 of (48 + 2) numbers, 73,600; behind them k * k * e + 48 * e + 96: 14,688,
    7,392 twice, 9,440, and 5,568: 44,480. The first cell reads 96 and 320, 32, 96 ->
    see below; C6: 320 * 48 + 96.
    """
    neck = _build(NORM)
    neck.build({name: (None, None, None, c) for name, c in CHANNELS.items()})
    # Inputs of the first cell's nodes: C4, C5; C3, new; new, new; new, C6 twice.
    first = 256 * (96 + 320) + 128 * (32 + 48) + (2 * 128 + 96) * 2 * 48 + 2 * 1472
    cells = 4 * 44_480 + 3 * 73_600 + first
    trained = sum(math.prod(v.shape) for v in neck.trainable_variables)
    assert trained == cells + 320 * 48 + 96
    paths = [v.path for v in neck.variables]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("size", "cells"), [(320, [40, 20, 10, 5]), (300, [38, 19, 10, 5]), (5, [1] * 4)]
)
def test_sizes(size, cells):
    maps = _build("depth: 8 num_cells: 2 expansion_multiplier: 0.1")(_maps(size))
    assert list(maps) == ["P3", "P4", "P5", "P6"]
    assert [tuple(m.shape[1:]) for m in maps.values()] == [(n, n, 8) for n in cells]


def test_values_of_a_cell_of_ones():
    """One cell of a depth of 1; kernels are 1, maps have one cell: C3 C4 C5 1, 2, 3.

    C6 = 3. Expanded sums, at most 6: node 0: 2 + 3 = 5; 1: 1 + 5 = 6; 2: 6 + 5 -> 6;
    3: 5 + 3 -> 6; 4: 5 + 3 -> 6. The depths behind are one; what came in is added:
    6 + 1, 6 + 2, 6 + 3, 6 + 3.
    """
    neck = _build(
        "depth: 1 num_cells: 1 expansion_multiplier: 0.001 conv_hyperparams { "
        "initializer { random_normal_initializer { mean: 1 stddev: 0 } } }"
    )
    maps = neck({f"C{n}": tf.fill([1, 1, 1, 1], n - 2.0) for n in (3, 4, 5)})
    assert [m.numpy().item() for m in maps.values()] == [7, 8, 9, 9]


def test_gradients_of_unknown_sizes():
    neck = _build(f"depth: 8 num_cells: 2 expansion_multiplier: 0.1 {NORM}")
    features = _maps(97)
    neck(features)
    spec = {
        n: tf.TensorSpec([None, None, None, m.shape[-1]]) for n, m in features.items()
    }

    @tf.function(input_signature=[spec])
    def gradients(maps):
        with tf.GradientTape() as tape:
            made = neck(maps, training=True)
            loss = tf.add_n([tf.reduce_mean(m**2) for m in made.values()])
        return tape.gradient(loss, [v.value for v in neck.trainable_variables])

    assert all(np.isfinite(g).all() for g in gradients(features))


@pytest.mark.parametrize(
    "text", ["depth: 0", "num_cells: 0", "expansion_multiplier: 0"]
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        _build(text)


def test_stages_of_other_strides():
    with pytest.raises(ValueError, match="no C3"):
        _build().maps_of(MapSpecs(strides={"C4": 16, "C5": 32}, channels={}))
