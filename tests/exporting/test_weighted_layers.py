"""Layers by names that people read, and which of them int8 has."""

import itertools

import pytest

from od_api.core.errors import UserError
from od_api.exporting.network_part import CONVOLUTION, INPUT, NetworkPart, Operator
from od_api.exporting.weighted_layers import WeightedLayers, layer_of


@pytest.mark.parametrize(
    ("operator", "layer"),
    [
        (
            "net/conv_1/Relu6;net/bn_1/batchnorm/add_1;net/conv/convolution;",
            "net/conv_1",
        ),
        ("StatefulPartitionedCall/net/bn_1/batchnorm/add_1", "net/bn_1"),
        ("StatefulPartitionedCall/head/conv_1/BiasAdd", "head/conv_1"),
        ("MatMul", "MatMul"),
    ],
)
def test_names(operator, layer):
    assert layer_of(operator) == layer


@pytest.fixture
def layers():
    names = ["image", "a/conv", "b/conv", "b/again", "head/conv"]
    chain = [Operator(names[0], INPUT)] + [
        Operator(name, CONVOLUTION, (before,), (True,))
        for before, name in itertools.pairwise(names)
    ]
    return WeightedLayers(NetworkPart(chain))


def test_heads_are_left_out(layers):
    assert layers.chosen() == ["a", "b"]
    assert layers.operators_of(["b"]) == {"b/conv", "b/again"}


def test_heads_alone():
    chain = [
        Operator("image", INPUT),
        Operator("head/conv", CONVOLUTION, ("image",), (True,)),
    ]
    with pytest.raises(UserError, match="no weights for int8"):
        WeightedLayers(NetworkPart(chain)).chosen()


@pytest.mark.parametrize("pattern", ["b", "b*"])
def test_layers_that_stay_in_float(layers, pattern):
    assert layers.chosen([pattern]) == ["a"]


def test_layers_that_are_not_there(layers):
    with pytest.raises(
        UserError, match="no layer with weights is 'bb'; there are a, b"
    ):
        layers.chosen(["bb"])
    with pytest.raises(UserError, match="no weights for int8"):
        layers.chosen(["*"])
