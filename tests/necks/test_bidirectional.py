"""Bidirectional network: count, both ways against NumPy, gradients, a detector."""

import neck_kit as kit
import numpy as np
import pytest
import tensorflow as tf
from numpy_maps import convolved

from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs

BELOW = 'neck { ssd_feature_maps { levels: ["C4", "C5"] extra_depths: 16 } }'


def built(text="projection_depth: 3", below=BELOW, stages=kit.TOY):
    return kit.built(f"bidirectional {{ {below} {text} }}", stages)


def test_parameters():
    """Depths 32, 64 and 32, without normaliser, halves of 16, 32 and 16. Up: 3x3 of 32
    * 64 and 64 * 32, and of each depth; down: 1x1 of 64 and 32 to 128, of each depth to
    its half, of 256 and 128 to 16 and 32; 3x3 of 32, 64 and 16 to each depth."""
    stages = MapSpecs({"C4": 8, "C5": 16}, {"C4": 32, "C5": 64})
    below = 'neck { ssd_feature_maps { levels: ["C4", "C5"] extra_depths: 32 } }'
    neck = built("", below, stages)
    up = 9 * (2 * 32 * 64 + 32**2 + 64**2 + 32**2) + 64 + 32 + 128
    down = 128 * (64 + 32) + 2 * 128
    down += 32 * 16 + 64 * 32 + 32 * 16 + 64
    down += 256 * 16 + 128 * 32 + 16 + 32
    down += 9 * (32 * 32 + 64 * 64 + 16 * 32) + 128
    assert kit.trained(neck) - kit.trained(neck.neck) == up + down


def _maps():
    rng = np.random.default_rng(3)
    return {
        level: rng.normal(size=(1, side, side, depth)).astype(np.float32)
        for level, side, depth in (("C4", 7, 4), ("C5", 4, 5), ("E1", 2, 16))
    }


def _resized(x, side):
    """Bilinear between the centres of cells, in NumPy, edges repeated."""
    places = np.clip((np.arange(side) + 0.5) * len(x) / side - 0.5, 0, len(x) - 1)
    weights = np.maximum(1 - np.abs(places[:, None] - np.arange(len(x))), 0)
    return np.einsum("iy,jx,yxc->ijc", weights, weights, x)


def _block(chain, x):
    return np.maximum(convolved(x, chain.steps[0].steps[0]), 0)


def test_against_numpy():
    neck, maps = kit.with_random_weights(built()), _maps()
    parts, up, below = neck._parts, {}, None
    for level, x in maps.items():
        total = x[0]
        if below is not None:
            total = total + convolved(below, parts[f"{level}_halve"].steps[0], 2)
        below = convolved(np.maximum(total, 0), parts[f"{level}_up"].steps[1])
        up[level] = below
    expected, levels = {}, list(maps)
    for i, level in enumerate(levels):
        joined = [_block(parts[f"{level}_own"], up[level])]
        above = [
            _resized(_block(parts[f"{other}_project"], up[other]), len(up[level]))
            for other in levels[i + 1 :]
        ]
        if above:
            above = np.concatenate(above, axis=-1)
            joined.append(_block(parts[f"{level}_above"], above))
        joined = np.concatenate(joined, axis=-1)
        expected[level] = _block(parts[f"{level}_merge"], joined)
    kit.check_maps(neck.changed(maps), expected)


def test_without_what_comes_from_below():
    """Kernels w of 0: f = phi(o) at every level (T76)."""
    neck, maps = built(), _maps()
    for level in ("C5", "E1"):
        kernel = neck._parts[f"{level}_halve"].steps[0].kernel
        kernel.assign(tf.zeros_like(kernel))
    for level, x in neck._up(maps).items():
        np.testing.assert_allclose(
            x, neck._parts[f"{level}_up"](maps[level]), rtol=1e-5
        )


def test_frozen_batch_norm_is_this_neck_s():
    neck = built("conv_hyperparams { batch_norm {} } freeze_batch_norm: true")
    assert not any("norm" in v.path for v in neck.trainable_variables)


def test_odd_sizes_and_gradients():
    kit.check_gradients(built(), size=97)


def test_in_ssd():
    maps = 'levels: ["C4", "C5"] extra_depths: [16, 16]'
    neck = f"neck {{ ssd_feature_maps {{ {maps} }} }}"
    kit.in_ssd(f"bidirectional {{ {neck} projection_depth: 8 }}")


@pytest.mark.parametrize(
    ("text", "below", "words"),
    [
        ("projection_depth: 0", BELOW, "projection_depth"),
        ("", 'neck { ssd_feature_maps { levels: ["C3", "C5"] } }', "twice"),
        ("", 'neck { ssd_feature_maps { levels: "C5" } }', "two or more"),
    ],
)
def test_mistakes(text, below, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        built(text, below)
