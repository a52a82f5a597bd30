"""Balanced feature pyramid: count, constants, values against NumPy, gradients."""

import neck_kit as kit
import numpy as np
import pytest
import tensorflow as tf
from numpy_maps import convolved

from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs

BELOW = "neck { top_down_fpn { depth: 3 } }"


def built(text="", below=BELOW):
    return kit.built(f"balanced_feature_pyramid {{ {below} {text} }}")


@pytest.mark.parametrize(
    ("refine", "count"),
    [("none", 0), ("conv", 9 * 256**2 + 256), ("non_local", 4 * (256**2 + 256))],
)
def test_parameters(refine, count):
    neck = built(f'refine: "{refine}"', "neck { top_down_fpn {} }")
    assert kit.trained(neck) - kit.trained(neck.neck) == count


def _maps(values, sides=(25, 13, 7, 4, 2)):
    return {
        f"P{i}": tf.fill([1, side, side, 3], float(value))
        for i, (value, side) in enumerate(zip(values, sides, strict=True), start=2)
    }


@pytest.mark.parametrize("refine", ["none", "non_local"])
def test_constants_get_their_mean(refine):
    """1, 2, 3, 4 and 10 have the mean 4; a non-local block starts as the identity."""
    made = built(f'refine: "{refine}"').changed(_maps([1, 2, 3, 4, 10]))
    for x, value in zip(made.values(), (5, 6, 7, 8, 14), strict=True):
        np.testing.assert_allclose(x, value, rtol=1e-6)


def _bins(x, side):
    """Adaptive max pool of a square map in NumPy."""
    size = len(x)
    edges = [(i * size // side, -(-(i + 1) * size // side)) for i in range(side)]
    rows = np.stack([x[a:b].max(axis=0) for a, b in edges])
    return np.stack([rows[:, a:b].max(axis=1) for a, b in edges], axis=1)


def _nearest(x, side):
    cells = np.floor(np.arange(side) * len(x) / side).astype(int)
    return x[cells][:, cells]


@pytest.mark.parametrize("level", ["P2", "P4", "P6"])
def test_against_numpy(level):
    """Sides of 25, 13, 7, 4 and 2 brought to one of them, and back."""
    neck = built(f'refine: "conv" level: "{level}"')
    rng = np.random.default_rng(3)
    maps = {n: rng.normal(size=x.shape).astype("f") for n, x in _maps([0] * 5).items()}
    side = maps[level].shape[1]
    total = 0
    for x in maps.values():
        total = total + (_bins if x.shape[1] > side else _nearest)(x[0], side)
    mean = np.maximum(convolved(total / 5, neck._refine.steps[0]), 0)
    expected = {}
    for name, x in maps.items():
        there = x.shape[1]
        expected[name] = x[0] + (_bins if there < side else _nearest)(mean, there)
    kit.check_maps(neck.changed(maps), expected)


def test_odd_sizes_and_gradients():
    neck = built()
    out = neck._refine.out.kernel
    out.assign(np.ones(out.shape))
    kit.check_gradients(neck, size=97)


def test_in_faster_rcnn():
    pyramid = "neck { top_down_fpn { max_level: 5 depth: 8 } }"
    kit.in_faster_rcnn(f"balanced_feature_pyramid {{ {pyramid} }}", (2, 5))


@pytest.mark.parametrize(
    ("text", "words"), [('refine: "mean"', "refine"), ('level: "P9"', "P9")]
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        built(text)


def test_levels_of_unequal_depth():
    neck = built()
    with pytest.raises(ValueError, match="channels"):
        neck.made_of(MapSpecs({"a": 4, "b": 8}, {"a": 1, "b": 2}))
