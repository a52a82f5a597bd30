"""Adaptively spatial feature fusion: count, weights, values, gradients."""

import neck_kit as kit
import numpy as np
import pytest
import tensorflow as tf
from numpy_maps import convolved, doubled

from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs

BELOW = "neck { top_down_fpn { min_level: 3 max_level: 5 depth: 3 } }"


def built(text="", below=BELOW):
    return kit.built(f"asff {{ {below} {text} }}")


def test_parameters_of_three_levels():
    """Depth 256, without normaliser: three 1x1 and three 3x3 that bring a map to a
    level, nine 1x1 of 16, three of 48 to 3, and three 3x3 behind: 6 * 9 * 256^2 +
    3 * 256^2 + 9 * 256 * 16 + 3 * 48 * 3 weights, and their biases."""
    neck = built(below="neck { top_down_fpn { min_level: 3 max_level: 5 } }")
    weights = 57 * 256**2 + 9 * 256 * 16 + 3 * 48 * 3
    biases = 9 * 256 + 9 * 16 + 3 * 3
    assert kit.trained(neck) - kit.trained(neck.neck) == weights + biases


def _maps():
    rng = np.random.default_rng(3)
    return {
        f"P{i}": rng.normal(size=(1, side, side, 3)).astype(np.float32)
        for i, side in enumerate((7, 4, 2), start=3)
    }


def _set_logits(neck, values):
    """Every cell of every level has these logits."""
    for weigh in neck._weigh.values():
        weigh.kernel.assign(tf.zeros_like(weigh.kernel))
        weigh.bias.assign(values)


def _hand_through(neck):
    """What is resized is 1, 2 or 3 by its source; nothing changes behind the sum."""
    for key, layer in neck._into.items():
        conv = layer.steps[-1].steps[0] if key[1] < key[-1] else layer.steps[0]
        conv.kernel.assign(tf.zeros_like(conv.kernel))
        conv.bias.assign([float(key[1]) - 2] * 3)
    centre = np.zeros([3, 3, 3, 3])
    centre[1, 1] = np.eye(3)
    for layer in neck._expand.values():
        layer.steps[0].kernel.assign(centre)


@pytest.mark.parametrize(
    ("logits", "value"),
    [
        ((1, 0, -1), 1 * 0.665241 + 2 * 0.244728 + 3 * 0.090031),
        ((0, 0, 0), 2),
        ((0, 0, 1e4), 3),
    ],
)
def test_weights_are_a_softmax(logits, value):
    """Logits (1, 0, -1) are weights of .665241, .244728 and .090031 (T67)."""
    neck = built()
    _hand_through(neck)
    _set_logits(neck, logits)
    maps = {n: tf.fill(x.shape, float(n[1]) - 2) for n, x in _maps().items()}
    for x in neck.changed(maps).values():
        np.testing.assert_allclose(x, value, rtol=1e-5)


def _max_pool_3(x):
    """3x3 maxima of stride 2, "same": of an odd size a cell is padded on every side."""
    pads = [(1, 1) if n % 2 else (0, 1) for n in x.shape[:2]] + [(0, 0)]
    x = np.pad(x, pads, constant_values=-np.inf)
    sides = [(n - 3) // 2 + 1 for n in x.shape[:2]]
    made = [
        x[i:, j:][: 2 * sides[0] : 2, : 2 * sides[1] : 2]
        for i in range(3)
        for j in range(3)
    ]
    return np.max(made, axis=0)


def _block(chain, x, strides=1):
    return np.maximum(convolved(x, chain.steps[0], strides), 0)


def test_against_numpy():
    neck, maps = kit.with_random_weights(built()), _maps()
    expected = {}
    for target, level in enumerate(maps):
        read, says = [], []
        for source, other in enumerate(maps):
            key, x = f"{other}_to_{level}", maps[other][0]
            if source > target:
                wide = 2 ** (source - target)
                x = doubled(_block(neck._into[key], x), maps[level][0], wide)
            if source < target:
                for _ in range(target - source - 1):
                    x = _max_pool_3(x)
                x = _block(neck._into[key].steps[-1], x, 2)
            read.append(x)
            says.append(_block(neck._says[key], x))
        says = np.concatenate(says, axis=-1)
        weights = np.exp(convolved(says, neck._weigh[level]))
        weights /= weights.sum(axis=-1, keepdims=True)
        total = sum(x * weights[..., i, None] for i, x in enumerate(read))
        expected[level] = _block(neck._expand[level], total)
    kit.check_maps(neck.changed(maps), expected)


def test_some_levels_of_a_neck():
    """P6 stays as it is; batch norm of this neck alone is frozen."""
    neck = kit.built(
        'asff { neck { fpn { max_level: 6 depth: 4 } } levels: ["P3", "P4"] '
        "conv_hyperparams { batch_norm {} } freeze_batch_norm: true }"
    )
    given = kit.features(75)
    np.testing.assert_array_equal(neck(given)["P6"], neck.neck(given)["P6"])
    assert not any("norm" in v.path for v in neck.trainable_variables)
    assert any("norm" in v.path for v in neck.non_trainable_variables)


def test_odd_sizes_and_gradients():
    kit.check_gradients(built())


def test_in_ssd():
    kit.in_ssd("asff { neck { fpn { min_level: 3 max_level: 6 depth: 8 } } }")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('levels: "P3"', "two or more"),
        ('levels: ["P3", "P5"]', "twice"),
        ('levels: ["P3", "P9"]', "P9"),
        ("weight_channels: 0", "weight_channels"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        built(text)


def test_levels_of_several_depths():
    """Of SSD's feature maps each level keeps its depth."""
    stages = MapSpecs({"C4": 16, "C5": 32}, {"C4": 3, "C5": 5})
    text = 'neck { ssd_feature_maps { levels: ["C4", "C5"] extra_depths: 16 } }'
    neck = kit.built(f"asff {{ {text} }}", stages)
    maps = neck(kit.features(75, stages))
    assert [x.shape[-1] for x in maps.values()] == [3, 5, 16]
