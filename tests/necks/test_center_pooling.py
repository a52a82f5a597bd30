"""Centre pooling over a neck: count, values against NumPy, levels, a detector."""

import neck_kit as kit
import numpy as np
import pytest
from numpy_maps import convolved

from od_api.core.errors import ConfigError

BELOW = "neck { top_down_fpn { min_level: 3 max_level: 5 depth: 3 } }"


def built(text="pooling_depth: 2", below=BELOW):
    return kit.built(f"center_pooling {{ {below} {text} }}")


def test_parameters_of_a_level():
    """From 256 channels to 128 twice and back, 1x1 and 3x3 of 256, and biases."""
    neck = built("", "neck { top_down_fpn { min_level: 3 max_level: 3 } }")
    weights = 9 * (3 * 256 * 128 + 256**2) + 256**2
    assert kit.trained(neck) - kit.trained(neck.neck) == weights + 2 * 128 + 3 * 256


def _block(x, chain):
    return np.maximum(convolved(x, chain.steps[0]), 0)


def test_against_numpy():
    """Maxima of rows and columns are added; beside them goes the map itself."""
    neck = kit.with_random_weights(built())
    maps, expected = neck.neck(kit.features(75)), {}
    for level, x in maps.items():
        block, x = neck._blocks[level], x.numpy()[0]
        rows = _block(x, block._rows).max(axis=1, keepdims=True)
        columns = _block(x, block._columns).max(axis=0, keepdims=True)
        joined = convolved(rows + columns, block._pooled.steps[0])
        joined += convolved(x, block._beside.steps[0])
        expected[level] = _block(np.maximum(joined, 0), block._after)
    kit.check_maps(neck(kit.features(75)), expected)


def test_other_levels_stay():
    neck, given = built('levels: "P4" pooling_depth: 2'), kit.features(75)
    made, below = neck(given), neck.neck(given)
    np.testing.assert_array_equal(made["P3"], below["P3"])
    assert not np.allclose(made["P4"], below["P4"])
    assert list(made) == list(below)


def test_odd_sizes_and_gradients():
    kit.check_gradients(built())


def test_in_ssd():
    text = "center_pooling { neck { fpn { min_level: 3 max_level: 6 depth: 8 } } }"
    kit.in_ssd(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('levels: ["P3", "P3"]', "once"),
        ('levels: "P9"', "P9"),
        ("pooling_depth: 0", "pooling_depth"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        built(text)
