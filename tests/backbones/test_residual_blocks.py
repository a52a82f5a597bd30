"""Residual blocks: values on one cell, and when the input is projected."""

import keras
import numpy as np
import pytest
from backbone_kit import OneCell

from od_api.backbones._own_network import Blocks
from od_api.backbones._residual_blocks import basic, bottleneck, inverted, stem

IMAGE = np.array([0.5, -1.0, 2.0, 1.0])


def model_of(block, depth=4):
    x = keras.Input([None, None, depth])
    return keras.Model(x, block(x))


def value(model):
    return model(IMAGE[None, None, None].astype(np.float32))[0, 0, 0]


def test_basic():
    model = model_of(lambda x: basic(x, "b", Blocks()))
    cell = OneCell(model, lambda x: np.maximum(x, 0))
    y = cell.conv(cell.conv(IMAGE, "b_first"), "b_second", activation=False)
    np.testing.assert_allclose(value(model), np.maximum(y + IMAGE, 0), rtol=1e-4)


@pytest.mark.parametrize(
    ("settings", "projected"),
    [
        ({"depths": (2, 4)}, False),
        ({"depths": (2, 4), "project": True}, True),
        ({"depths": (2, 8)}, True),
        ({"depths": (2, 4), "strides": 2}, True),
    ],
)
def test_bottleneck(settings, projected):
    model = model_of(lambda x: bottleneck(x, "b", Blocks(), **settings))
    cell = OneCell(model, lambda x: np.maximum(x, 0))
    y = cell.conv(cell.conv(IMAGE, "b_narrow"), "b_middle")
    y = cell.conv(y, "b_wide", activation=False)
    names = [layer.name for layer in model.layers]
    assert ("b_project" in names) == projected
    before = cell.conv(IMAGE, "b_project", activation=False) if projected else IMAGE
    np.testing.assert_allclose(value(model), np.maximum(y + before, 0), rtol=1e-3)


def test_inverted_adds_where_shapes_agree():
    for depth, stride, added in ((4, 1, True), (4, 2, False), (8, 1, False)):
        model = model_of(lambda x, n=(6, depth, stride): inverted(x, n, "b", Blocks()))
        assert ("b_add" in [layer.name for layer in model.layers]) == added
        assert model.get_layer("b_expand").filters == 24


def test_stem_has_a_quarter_of_the_size():
    model = model_of(lambda x: stem(x, Blocks(), 16), depth=3)
    assert tuple(model.compute_output_shape((1, 300, 301, 3))) == (1, 75, 76, 16)
