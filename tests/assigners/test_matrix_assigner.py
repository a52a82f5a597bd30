"""Which layers of a matrix net an object belongs to."""

import itertools

import kit
import numpy as np
import pytest
import tensorflow as tf

from od_api.assigners.matrix_assigner import MatrixAssigner
from od_api.core.matrix_layers import matrix_layers
from od_api.core.types import Priors

PLACES = matrix_layers(5, 2)
EXACT = {"low_tolerance": 1.0, "high_tolerance": 1.0}


def _at_all_layers(y, x):
    """One point, on each layer."""
    return Priors(
        boxes=tf.constant([[y, x, y, x]] * len(PLACES), tf.float32),
        strides=tf.constant([[8 << i, 8 << j] for i, j in PLACES], tf.float32),
        levels=tf.range(len(PLACES)),
        valid=tf.ones([len(PLACES)], tf.bool),
    )


def layers_of(height, width, at=(0.5, 0.5), **options):
    """Places of the layers that an object belongs to."""
    targets = kit.make_targets([[[0, 0, height, width]]])
    place = _at_all_layers(height * at[0], width * at[1])
    label = MatrixAssigner(**options).assign(place, targets).label.numpy()[0]
    return [PLACES[n] for n in np.flatnonzero(label == 1)]


def test_ranges_by_hand():
    """24 to 48 px are of the first row and column, 48 to 96 of the second (T40).

    The second step of the width begins at .8 * 96 = 76.8 px, below 90, that of the
    height at .8 * 48 = 38.4, above 36.
    """
    assert layers_of(40, 40, **EXACT) == [(0, 0)]
    assert layers_of(40, 90, **EXACT) == [(0, 1)]
    assert layers_of(36, 90) == [(0, 1), (0, 2)]
    assert layers_of(90, 36) == [(1, 0), (2, 0)]
    assert layers_of(36, 76) == [(0, 1)]
    # Up to below 1.3 * 48 = 62.4 px the first layer has it, too.
    assert layers_of(30, 62) == [(0, 0), (0, 1)]
    assert layers_of(30, 63) == [(0, 1)]


def test_an_end_is_of_the_next_range():
    assert layers_of(48, 96, **EXACT) == [(1, 2)]


def test_ends_of_the_matrix_are_open():
    """Also at its cut-off corners: every size has a layer, one without tolerance."""
    assert layers_of(2, 3, **EXACT) == [(0, 0)]
    assert layers_of(5000, 9000, **EXACT) == [(4, 4)]
    assert layers_of(40, 900, **EXACT) == [(0, 2)]
    assert layers_of(900, 90, **EXACT) == [(3, 1)]
    sizes = (5, 60, 120, 240, 960)
    for height, width in itertools.product(sizes, sizes):
        assert len(layers_of(height, width, **EXACT)) == 1


def test_strictly_inside_and_near_the_centre():
    """On the border no; 9 px from the centre: more than a stride of 8."""
    assert layers_of(36, 36, at=(0.5, 0.0)) == []
    assert layers_of(36, 36, at=(0.5, 0.75)) == [(0, 0)]
    assert layers_of(36, 36, at=(0.5, 0.75), center_radius=1.0) == []
    assert layers_of(36, 36, at=(0.5, 0.75), center_radius=1.5) == [(0, 0)]


@pytest.mark.parametrize(
    "options",
    [
        {"levels": 1},
        {"levels": 16},
        {"steps": 5},
        {"base_size": 0.0},
        {"low_tolerance": 1.1},
        {"high_tolerance": 0.9},
        {"num_levels": 18},
    ],
)
def test_mistakes(options):
    with pytest.raises(ValueError, match=next(iter(options)).split("_")[-1]):
        MatrixAssigner(**options)


def test_kit():
    kit.check_assigner(MatrixAssigner())
