"""Stacked hourglasses: sizes, counts, weights, and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.protos import backbone_pb2

TINY = "depths: [8, 8, 16] blocks: [1, 1, 2] stem_depth: 8 "


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.Hourglass()))


@pytest.fixture(scope="module")
def hourglass_104():
    return _build()


def test_each_stack_has_a_map_of_stride_4(hourglass_104):
    maps = hourglass_104(keras.Input((511, 511, 3)))
    assert {n: tuple(m.shape[1:]) for n, m in maps.items()} == {
        "stack_1": (128, 128, 256),
        "stack_2": (128, 128, 256),
    }
    assert hourglass_104.strides == {"stack_1": 4, "stack_2": 4}
    assert hourglass_104.channels == {"stack_1": 256, "stack_2": 256}


def residual(before, after, strided=False):
    """Two 3x3 kernels, a 1x1 one where sizes differ, 4 numbers a channel each."""
    count = 9 * before * after + 9 * after * after + 2 * 4 * after
    return count + (before * after + 4 * after if strided or before != after else 0)


def hourglass(depths, blocks):
    (here, below), n = depths[:2], blocks[0]
    count = n * residual(here, here)
    count += residual(here, below, strided=True) + (n - 1) * residual(below, below)
    if len(depths) > 2:
        count += hourglass(depths[1:], blocks[1:])
    else:
        count += blocks[1] * residual(below, below)
    return count + (n - 1) * residual(below, below) + residual(below, here)


def test_count_of_parameters(hourglass_104):
    """Kernels and batch norms, counted block by block from the paper's numbers."""
    depths, blocks = [256, 256, 384, 384, 384, 512], [2, 2, 2, 2, 2, 4]
    stem = 49 * 3 * 128 + 4 * 128 + residual(128, 256, strided=True)
    stack = hourglass(depths, blocks) + 9 * 256 * 256 + 4 * 256
    between = 2 * (256 * 256 + 4 * 256) + residual(256, 256)
    assert hourglass_104.network.count_params() == stem + 2 * stack + between
    one = _build("num_stacks: 1")
    assert list(one(keras.Input((64, 64, 3)))) == ["stack_1"]
    assert one.network.count_params() == stem + stack


@pytest.mark.parametrize("size", [(64, 64), (61, 90), (17, 5)])
def test_any_size_is_halved_upwards(size):
    network = _build(TINY)
    known = network(keras.Input((*size, 3)))
    maps = network(network.normalize(tf.zeros([1, *size, 3])))
    cells = [-(-s // 4) for s in size]
    for name, one in maps.items():
        assert list(one.shape) == [1, *cells, 8] and known[name].shape[1:3] == (*cells,)
        assert np.isfinite(one).all()


def test_later_stacks_are_fed_by_earlier_ones():
    """The last map depends on every weight, the first one on those before it."""
    network = _build(TINY)
    images = tf.random.stateless_uniform([1, 32, 32, 3], (1, 2))
    paths = [v.path for v in network.trainable_variables]

    def reached(level):
        with tf.GradientTape() as tape:
            made = network(images, training=True)[level]
        found = tape.gradient(made, network.trainable_variables)
        return {p for p, g in zip(paths, found, strict=True) if g is not None}

    of_first, of_last = reached("stack_1"), reached("stack_2")
    assert not any("stack_2" in path or "stack_1_to" in path for path in of_first)
    assert of_first and of_last == set(paths)


def test_settings_replace_the_network_s_own():
    network = _build(
        TINY + "conv_hyperparams { activation: RELU_6 batch_norm { decay: 0.7 } } "
        "freeze_batch_norm: true"
    )
    norms = [x for x in network.network.layers if "norm" in x.name]
    assert norms and all(x.momentum == pytest.approx(0.7) for x in norms)
    assert not any("norm" in v.path for v in network.trainable_variables)


def test_weights_of_a_file(tmp_path):
    one, other = _build(TINY), _build(TINY)
    one.network.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    for a, b in zip(one.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("num_stacks: 0", "num_stacks", "is 0; it must be in 1..16"),
        ("depths: [8]", "", "not 1 and 6"),
        ("depths: [8, 8] blocks: [1]", "", "2 or more resolutions, not 2 and 1"),
        ("depths: [8, 0] blocks: [1, 1]", "depths", r"depths\[1\] is 0"),
        ("depths: [8, 8] blocks: [1, 0]", "blocks", r"blocks\[1\] is 0"),
        ("stem_depth: 0", "stem_depth", "is 0; it must be"),
        (TINY + "weights: 'imagenet'", "weights", "Keras does not have hourglass"),
        (TINY + "conv_hyperparams { group_norm {} }", "", "group_norm cannot be used"),
    ],
)
def test_refused(text, place, problem):
    with pytest.raises(ConfigError, match=problem) as caught:
        _build(text)
    assert caught.value.field_path == place
