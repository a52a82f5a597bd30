"""MobileNet-EdgeTPU: count, maps."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import backbone_pb2

NARROW = "depth_multiplier: 0.25"


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.MobilenetEdgetpu()))


def test_in_full():
    """The last block: 160 * 1280, 9 * 1280 and 1280 * 192 kernels, and four numbers of
    batch norm a channel, of 2,598,432 parameters."""
    backbone = _build()
    assert backbone.network.count_params() == 2_598_432
    last = [x for x in backbone.network.layers if x.name.startswith("block_22_")]
    kernels = (160 + 9 + 192) * 1280
    norms = 4 * (2 * 1280 + 192)
    assert sum(layer.count_params() for layer in last) == kernels + norms
    assert list(backbone.channels.values()) == [32, 48, 96, 384, 192]
    assert list(backbone.strides.values()) == [4, 8, 16, 16, 32]
    paths = [v.path for v in backbone.variables]
    assert len(set(paths)) == len(paths)


@pytest.fixture(scope="module")
def narrow():
    return _build(NARROW)


@pytest.mark.parametrize(
    ("size", "cells"),
    [(300, [75, 38, 19, 19, 10]), (64, [16, 8, 4, 4, 2]), (3, [1, 1, 1, 1, 1])],
)
def test_maps_halve_upwards(narrow, size, cells):
    shapes = narrow.network.compute_output_shape((1, size, size, 3))
    assert [shape[1] for shape in shapes] == cells
    assert [shape[-1] for shape in shapes] == [8, 16, 24, 96, 48]


def test_gradients(narrow):
    with tf.GradientTape() as tape:
        maps = narrow(tf.random.normal([2, 33, 33, 3]), training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    gradients = tape.gradient(loss, [v.value for v in narrow.trainable_variables])
    assert all(np.isfinite(g).all() for g in gradients)


def test_cut_in_two():
    """Crops of C4 go on as the whole map does; the last block halves them."""
    whole, cut = _build(NARROW), _build(f"{NARROW} second_stage: true")
    assert list(cut.channels.items()) == [("C2", 8), ("C3", 16), ("C4", 24)]
    cut.network.set_weights(whole.network.get_weights()[: len(cut.network.weights)])
    rest = whole.network.get_weights()[len(cut.network.weights) :]
    cut.second_stage.set_weights(rest)
    images = tf.random.stateless_normal([1, 64, 64, 3], seed=[1, 2])
    got = cut.second_stage(cut(images)["C4"])
    np.testing.assert_allclose(got, whole(images)["C5"], atol=1e-5)


@pytest.mark.parametrize("text", ["depth_multiplier: 0", 'weights: "imagenet"'])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        _build(text)
