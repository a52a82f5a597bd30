"""Bidirectional pyramid: counts, values, sizes, what flows where."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

# Of EfficientNet.
STAGES = ("C3", "C4", "C5")
B0, B4 = (40, 112, 320), (56, 160, 448)
EFFICIENTDET = (
    "conv_hyperparams { force_use_bias: true activation: SWISH batch_norm {} }"
)
ONES = "conv_hyperparams { activation: NONE initializer { random_normal_initializer { "
ONES += "mean: 1 stddev: 0 } } }"


def _build(text=""):
    return registry.build(text_format.Parse(text, neck_pb2.Bifpn()))


def _maps(size, channels=(3, 4, 5)):
    return {
        name: tf.random.normal([2, -(-size // 2**n), -(-size // 2**n), depth])
        for (n, name), depth in zip(enumerate(STAGES, 3), channels, strict=True)
    }


@pytest.mark.parametrize(
    ("text", "channels", "trained"),
    [
        ("", B0, 196_281),
        ("num_iterations: 7 depth: 224", B4, 3_349_829),
    ],
)
def test_parameters_of_efficientdet(text, channels, trained):
    """D0 and D4: 3,880,067 and 20,723,675 of the whole, as their authors' have.

    D0's six 1x1 convolutions of stages are (40 + 2 * 112 + 3 * 320) * 64 weights and
    6 * 3 * 64 biases, scales and offsets: 79,488. A node has 9 * 64 + 64 * 64 + 3 * 64
    = 4,864, and a pass 8 nodes of 38,912 in all, whose sums have 4 * 2 + 3 * 3 + 2 = 19
    weights: 79,488 + 3 * (38,912 + 19) = 196,281.
    """
    neck = _build(f"{text} {EFFICIENTDET.replace('{}', '{ scale: true }')}")
    shapes = zip(STAGES, channels, strict=True)
    neck.build({name: (None, None, None, depth) for name, depth in shapes})
    assert sum(np.prod(v.shape) for v in neck.trainable_variables) == trained
    paths = [v.path for v in neck.variables]
    assert len(set(paths)) == len(paths)
    assert "bifpn/P5_for_coarse/conv/kernel" in paths
    assert "bifpn/pass_1_up_P7_sum/weights" in paths


@pytest.mark.parametrize(
    ("size", "cells"), [(128, [16, 8, 4, 2, 1]), (300, [38, 19, 10, 5, 3])]
)
def test_levels_and_sizes_odd_ones_too(size, cells):
    maps = _build(f"depth: 8 num_iterations: 1 {EFFICIENTDET}")(_maps(size))
    assert list(maps) == ["P3", "P4", "P5", "P6", "P7"]
    assert [tuple(m.shape[1:]) for m in maps.values()] == [(n, n, 8) for n in cells]


def test_smaller_than_the_coarsest_stride():
    maps = _build("depth: 8 num_iterations: 1")(_maps(5))
    assert {tuple(m.shape) for m in maps.values()} == {(2, 1, 1, 8)}


def test_values_of_one_pass_over_two_levels():
    """Depth 1 all through, kernels 1, weights 1: C4 = 4 on 2x2 cells, C5 = 2 on one.

    Down: P4 = 3x3 sum of 4 + 2 over the four cells, 24. Up: P5 = 2 + max of P4 = 26,
    which its 3x3 kernel sees once.
    """
    neck = _build(
        f"min_level: 4 max_level: 5 depth: 1 num_iterations: 1 {ONES} "
        'combine_method: "sum"'
    )
    maps = neck({"C4": tf.fill([1, 2, 2, 1], 4.0), "C5": tf.fill([1, 1, 1, 1], 2.0)})
    np.testing.assert_allclose(maps["P4"][0, :, :, 0], [[24, 24], [24, 24]])
    assert maps["P5"].numpy().item() == 26


def test_coarse_levels_are_pooled():
    """Of one cell: P6 is C5, 1; down: P5 = 1 + 1; up: P6 = 1 + 2."""
    neck = _build(
        f"min_level: 5 max_level: 6 depth: 1 num_iterations: 1 {ONES} "
        'combine_method: "sum"'
    )
    maps = neck({"C5": tf.ones([1, 1, 1, 1])})
    assert [m.numpy().item() for m in maps.values()] == [2, 3]


def test_gradients_reach_every_variable_in_a_graph_of_unknown_size():
    neck = _build(f"depth: 8 num_iterations: 2 {EFFICIENTDET}")
    features = _maps(97)
    spec = {
        n: tf.TensorSpec([None, None, None, m.shape[-1]]) for n, m in features.items()
    }

    @tf.function(input_signature=[spec])
    def gradients(maps):
        with tf.GradientTape() as tape:
            made = neck(maps, training=True)
            loss = tf.add_n([tf.reduce_mean(m**2) for m in made.values()])
        return tape.gradient(loss, [v.value for v in neck.trainable_variables])

    neck(features)
    assert all(np.isfinite(g).all() for g in gradients(features))


def test_frozen_batch_norm():
    neck = _build(f"depth: 8 num_iterations: 1 freeze_batch_norm: true {EFFICIENTDET}")
    neck(_maps(64))
    norms = [x for x in neck._flatten_layers() if "norm" in x.name]
    assert norms and not any(
        x.trainable for x in norms if isinstance(x, keras.layers.BatchNormalization)
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("min_level: 4 max_level: 4", "above min_level"),
        ("min_level: 1", "min_level"),
        ("num_iterations: 0", "num_iterations"),
        ("depth: 0", "depth"),
        ('combine_method: "max"', "fast_attention, attention"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        _build(text)


def test_strides_of_another_network():
    maps = MapSpecs(strides={"C3": 8, "C4": 16, "C5": 16}, channels={})
    with pytest.raises(ValueError, match="output_stride"):
        _build().maps_of(maps)
