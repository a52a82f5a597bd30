"""DetNet's pyramid: count, sizes, sums of maps of one size."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

STAGES = MapSpecs(
    strides={"C2": 4, "C3": 8, "C4": 16, "C5": 16, "C6": 16},
    channels={"C2": 256, "C3": 512, "C4": 1024, "C5": 1024, "C6": 1024},
)


def built(text="", stages=STAGES):
    neck = registry.build(text_format.Parse(text, neck_pb2.DetnetFpn()))
    neck.follow(stages)
    return neck


def test_in_full():
    """(256 + 512 + 3 * 1024) * 256 kernels and five of 9 * 256^2, 256 biases each."""
    neck = built()
    sides = dict(zip(STAGES.strides, (13, 7, 4, 4, 4), strict=True))
    features = {
        n: tf.random.normal([1, s, s, STAGES.channels[n]]) for n, s in sides.items()
    }
    with tf.GradientTape() as tape:
        maps = neck(features, training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    assert [m.shape[1] for m in maps.values()] == [13, 7, 4, 4, 4]
    assert list(neck.strides.values()) == [4, 8, 16, 16, 16]
    parameters = sum(int(np.prod(v.shape)) for v in neck.trainable_variables)
    assert parameters == 3840 * 256 + 5 * 9 * 256**2 + 10 * 256
    gradients = tape.gradient(loss, [v.value for v in neck.trainable_variables])
    assert all(np.isfinite(g).all() for g in gradients)


def test_sums():
    """Convolutions that hand through: 4 alone, 3 + 4, and 1 + 3 + 4, doubled."""
    stages = MapSpecs(
        strides={"C3": 8, "C4": 16, "C5": 16}, channels={"C3": 1, "C4": 1, "C5": 1}
    )
    neck = built('stages: ["C3", "C4", "C5"] depth: 1', stages)
    values = {"C3": (1, 3), "C4": (3, 2), "C5": (4, 2)}
    maps = {n: tf.fill([1, side, side, 1], float(v)) for n, (v, side) in values.items()}
    neck(maps)
    one = np.zeros([3, 3, 1, 1])
    one[1, 1] = 1
    for level in ("P3", "P4", "P5"):
        neck._lateral[level].kernel.assign(np.ones([1, 1, 1, 1]))
        neck._smooth[level].kernel.assign(one)
    made = {level: x.numpy().ravel() for level, x in neck(maps).items()}
    assert {level: set(x) for level, x in made.items()} == {
        **{"P3": {8.0}, "P4": {7.0}, "P5": {4.0}}
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('stages: ["C2", "C4"]', "must be the same or its double"),
        ('stages: ["C2", "C9"]', "no C9"),
        ('stages: ["C2", "C2"]', "once"),
        ("depth: 0", "depth"),
        ("conv_hyperparams { batch_norm {} }", "normaliser"),
    ],
)
def test_mistakes(text, says):
    with pytest.raises((ConfigError, ValueError), match=says):
        built(text)
