"""HRNet's pyramid: count, sizes, values."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

STAGES = MapSpecs(
    strides={"C2": 4, "C3": 8, "C4": 16, "C5": 32},
    channels={"C2": 32, "C3": 64, "C4": 128, "C5": 256},
)


def built(text="", stages=STAGES):
    neck = registry.build(text_format.Parse(text, neck_pb2.Hrfpn()))
    neck.follow(stages)
    return neck


def test_in_full():
    """480 channels side by side: 480 * 256 + 256, and five of 9 * 256^2 + 256."""
    neck = built()
    sides = dict(zip(STAGES.strides, (64, 32, 16, 8), strict=True))
    maps = neck({n: tf.zeros([1, s, s, STAGES.channels[n]]) for n, s in sides.items()})
    assert [tuple(m.shape) for m in maps.values()] == [
        (1, n, n, 256) for n in (64, 32, 16, 8, 4)
    ]
    assert neck.strides == {"P2": 4, "P3": 8, "P4": 16, "P5": 32, "P6": 64}
    parameters = sum(int(np.prod(v.shape)) for v in neck.trainable_variables)
    assert parameters == 480 * 256 + 256 + 5 * (9 * 256**2 + 256)


def test_values():
    """Convolutions that hand through: the sum of both stages, then its means.

    A coarse map [[1, 3]] enlarged by 2 bilinearly is 1, 1.5, 2.5, 3 a row.
    """
    stages = MapSpecs(strides={"C2": 4, "C3": 8}, channels={"C2": 1, "C3": 1})
    neck = built("num_levels: 2 depth: 1", stages)
    fine = np.zeros([1, 2, 3, 1], np.float32)
    coarse = np.array([1, 3], np.float32).reshape(1, 1, 2, 1)
    maps = {"C2": fine, "C3": coarse}
    neck({name: tf.constant(x) for name, x in maps.items()})
    one = np.zeros([3, 3, 1, 1])
    one[1, 1] = 1
    neck._mix.kernel.assign(np.ones([1, 1, 2, 1]))
    for conv in neck._smooth:
        conv.kernel.assign(one)
    made = neck({name: tf.constant(x) for name, x in maps.items()})
    np.testing.assert_allclose(made["P2"][0, 0, :, 0], [1, 1.5, 2.5])
    np.testing.assert_allclose(made["P3"][0, 0, :, 0], [1.25, 2.5])


def test_odd_sizes_and_gradients():
    neck = built('depth: 4 upsampling: "nearest"')
    sides = dict(zip(STAGES.strides, (13, 7, 4, 2), strict=True))
    features = {
        n: tf.random.normal([1, s, s, STAGES.channels[n]]) for n, s in sides.items()
    }
    with tf.GradientTape() as tape:
        maps = neck(features, training=True)
        loss = tf.add_n([tf.reduce_mean(m**2) for m in maps.values()])
    assert [m.shape[1] for m in maps.values()] == [13, 7, 4, 2, 1]
    gradients = tape.gradient(loss, [v.value for v in neck.trainable_variables])
    assert all(np.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize(
    "text",
    [
        *("num_levels: 0", "depth: 0", 'upsampling: "cubic"'),
        "conv_hyperparams { batch_norm {} }",
    ],
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        built(text)


def test_strides_that_do_not_double():
    with pytest.raises(ValueError, match="doubles"):
        built(stages=MapSpecs(strides={"a": 4, "b": 6}, channels={"a": 1, "b": 1}))
