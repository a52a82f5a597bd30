"""MobileDet: tables, counts, maps."""

import math

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.backbones import mobiledet
from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import backbone_pb2


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.Mobiledet()))


def _trained(backbone):
    return sum(math.prod(v.shape) for v in backbone.trainable_variables)


@pytest.fixture(scope="module")
def gpu():
    return _build('target: "gpu"')


@pytest.mark.parametrize("target", mobiledet.TARGETS)
def test_strides_of_the_tables(target):
    """One halving begins each stage but the first, whose halving is the stem's."""
    _, first, *stages = mobiledet.TARGETS[target]
    assert [block.stride for block in first] == [1] * len(first)
    for stage in stages:
        assert [block.stride for block in stage] == [2] + [1] * (len(stage) - 1)


@pytest.mark.parametrize(
    ("target", "trained", "channels"),
    [
        ("cpu", 3_006_440, [16, 32, 72, 144]),
        ("edgetpu", 2_777_040, [16, 40, 96, 384]),
    ],
)
def test_parameters(target, trained, channels):
    backbone = _build(f'target: "{target}"')
    assert _trained(backbone) == trained
    assert list(backbone.channels.values()) == channels
    assert list(backbone.strides.values()) == [4, 8, 16, 32]
    paths = [v.path for v in backbone.variables]
    assert len(set(paths)) == len(paths)


def test_first_blocks_of_gpu_by_hand(gpu):
    """Stem 27 * 32 + 64 = 928. Tucker 32 -> 8 -> 8 (of 16 / 4 = 4, at least 8) -> 16:
    32 * 8 + 16, 9 * 8 * 8 + 16, 8 * 16 + 32: 1,024.
    """
    assert _trained(gpu) == 11_689_920
    sizes = {
        part: sum(
            math.prod(v.shape)
            for v in gpu.trainable_variables
            if v.path.split("/")[1].startswith(part)
        )
        for part in ("stem", "block_1_")
    }
    assert sizes == {"stem": 928, "block_1_": 1024}


@pytest.mark.parametrize(
    ("size", "cells"), [(300, [75, 38, 19, 10]), (64, [16, 8, 4, 2]), (3, [1, 1, 1, 1])]
)
def test_maps_halve_upwards(gpu, size, cells):
    shapes = gpu.network.compute_output_shape((1, size, size, 3))
    assert [shape[1] for shape in shapes] == cells


def test_narrow_one_of_a_dsp_has_finite_gradients():
    backbone = _build('target: "dsp" depth_multiplier: 0.25')
    with tf.GradientTape() as tape:
        maps = backbone(tf.random.normal([2, 33, 33, 3]), training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    gradients = tape.gradient(loss, [v.value for v in backbone.trainable_variables])
    assert all(np.isfinite(g).all() for g in gradients)
    # 240, 144, 64 and 32 by 4, to the nearest multiple of 8, halves up.
    assert list(backbone.channels.values()) == [8, 16, 40, 64]


def test_settings_and_second_stage():
    backbone = _build(
        'target: "gpu" depth_multiplier: 0.25 min_depth: 16 second_stage: true '
        "freeze_batch_norm: true conv_hyperparams { activation: SWISH "
        "regularizer { l2_regularizer { weight: 1 } } batch_norm { decay: 0.5 } }"
    )
    norm = backbone.network.get_layer("block_3_first_norm")
    assert (norm.epsilon, norm.momentum, norm.trainable) == (0.01, 0.5, False)
    assert backbone.channels == {"C2": 16, "C3": 16, "C4": 32}
    assert backbone.second_stage(tf.zeros([3, 14, 14, 32])).shape == (3, 7, 7, 96)


@pytest.mark.parametrize("text", ['target: "tpu"', 'weights: "imagenet"'])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        _build(f"depth_multiplier: 0.25 {text}")
