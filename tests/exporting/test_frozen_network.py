"""Folding batch norm: the same outputs, and no multiplication left behind."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.exporting.frozen_network import FrozenNetwork


def randomize(model, seed=0):
    """Gives batch norm statistics that matter."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.path or "gamma" in weight.path else -0.5
        weight.assign(rng.uniform(low, low + 1, weight.shape))


def concrete(model, apart=()):
    """{"out": model(images)}; the variables `apart` are further arguments."""
    spec = tf.TensorSpec([None, None, None, 3])

    def run(images, *values):
        with keras.StatelessScope(list(zip(apart, values, strict=True))):
            return {"out": model(images, training=False)}

    signature = [spec, *(tf.TensorSpec(v.shape) for v in apart)]
    return tf.function(run, input_signature=signature).get_concrete_function()


def ops_of(call):
    spec = tf.TensorSpec([None, None, None, 3])
    graph = tf.function(call, input_signature=[spec]).get_concrete_function().graph
    definition = graph.as_graph_def()
    nodes = [n for f in definition.library.function for n in f.node_def]
    return [node.op for node in nodes or definition.node]


def convolution(kind, **options):
    if kind == "plain":
        return keras.layers.Conv2D(5, 3, padding="same", **options)
    if kind == "depthwise":
        return keras.layers.DepthwiseConv2D(3, depth_multiplier=2, **options)
    return keras.layers.SeparableConv2D(5, 3, **options)


@pytest.mark.parametrize("kind", ["plain", "depthwise", "separable"])
@pytest.mark.parametrize("bias", [None, "zeros", "random"])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("apart", [False, True], ids=["constants", "apart"])
def test_same_outputs_without_multiplications(kind, bias, scale, apart):
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            convolution(kind, use_bias=bias is not None),
            keras.layers.BatchNormalization(scale=scale),
            keras.layers.ReLU(6.0),
            convolution("plain"),
        ]
    )
    randomize(model)
    if bias == "zeros":
        model.layers[0].bias.assign(tf.zeros_like(model.layers[0].bias))
    kernels = [v for v in model.variables if "kernel" in v.path] if apart else []
    folded = FrozenNetwork(concrete(model, kernels), [v.numpy() for v in kernels])
    assert len(folded.variables) == len(kernels)
    images = tf.random.stateless_normal([2, 9, 11, 3], seed=[1, 2])
    want, got = concrete(model)(images)["out"], folded(images)["out"]
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    assert not {"Mul", "Rsqrt", "FusedBatchNormV3"} & set(ops_of(folded))


def test_a_convolution_that_something_else_reads_keeps_its_kernel():
    """y = BN(conv(x)) + conv(x): scaling the kernel would change the second term."""
    image = keras.Input((None, None, 3))
    shared = keras.layers.Conv2D(4, 1)(image)
    outputs = keras.layers.BatchNormalization()(shared) + shared
    model = keras.Model(image, outputs)
    randomize(model)
    function = concrete(model)
    folded = FrozenNetwork(function)
    images = tf.random.stateless_normal([1, 5, 5, 3], seed=[3, 4])
    np.testing.assert_allclose(
        folded(images)["out"], function(images)["out"], rtol=1e-5, atol=1e-5
    )


def test_mobilenet_keeps_its_features():
    model = keras.applications.MobileNet(
        weights=None, include_top=False, alpha=0.25, input_shape=(None, None, 3)
    )
    randomize(model)
    function = concrete(model)
    folded = FrozenNetwork(function)
    assert folded.num_folded >= 13, "the depthwise batch norms"
    images = tf.random.stateless_uniform([1, 96, 96, 3], seed=[5, 6])
    want = function(images)["out"].numpy()
    np.testing.assert_allclose(
        folded(images)["out"], want, rtol=1e-4, atol=1e-5 * abs(want).max()
    )
    assert "Mul" not in ops_of(folded)


def test_only_the_folded_kernels_remain():
    """A kernel of 3 x 3 x 3 x 5 numbers is there once, besides 5 biases."""
    layers = [convolution("plain", use_bias=False), keras.layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((None, None, 3)), *layers])
    randomize(model)
    folded = FrozenNetwork(concrete(model))
    spec = tf.TensorSpec([None, None, None, 3])
    graph = tf.function(folded, input_signature=[spec]).get_concrete_function().graph
    (function,) = graph.as_graph_def().library.function
    constants = [n for n in function.node_def if n.op == "Const"]
    sizes = [tf.make_ndarray(n.attr["value"].tensor).size for n in constants]
    assert sorted(sizes) == [5, 135]
