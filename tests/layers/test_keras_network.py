"""Networks rebuilt: padding, names, parts, and settings of single layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers import keras_network
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.fused_batch_norm import FusedBatchNormalization


def network(size=None):
    """Padding, a convolution of stride 2 with batch norm and ReLU, and another."""
    image = keras.Input((size, size, 3))
    x = keras.layers.ZeroPadding2D(1, name="pad")(image)
    x = keras.layers.Conv2D(4, 3, strides=2, name="first")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", name="second")(x)
    return keras.Model(image, x)


IMAGES = np.random.default_rng(0).normal(size=(2, 9, 9, 3)).astype(np.float32)


def test_a_copy_keeps_names_and_takes_weights():
    original = network()
    copy = keras_network.rebuild(original, name="copy")
    # The input has no weights and needs no name.
    names = [layer.name for layer in original.layers[1:]]
    assert [layer.name for layer in copy.layers[1:]] == names
    assert {v.path.split("/")[0] for v in copy.variables} == {"copy"}
    assert copy.get_layer("first").kernel is not original.get_layer("first").kernel
    copy.set_weights(original.get_weights())
    np.testing.assert_allclose(copy(IMAGES), original(IMAGES), atol=1e-6)
    assert type(copy.get_layer("norm")) is FusedBatchNormalization


def test_same_padding_takes_the_padding_layers_out():
    """9 px: 5 cells with 1 px around and without; 10 px: 5, and 11 with it gives 5."""
    same = keras_network.rebuild(network(), name="same", same_padding=True)
    assert "pad" not in [layer.name for layer in same.layers]
    assert same.get_layer("first").padding == "same"
    outputs = keras_network.stages(same, ["first", "second"])(IMAGES)
    assert [x.shape[1] for x in outputs] == [5, 3]


def test_edit_changes_a_config_or_replaces_a_layer():
    def edit(layer, config):
        if layer.name == "first":
            config["filters"] = 7
        if layer.name == "relu":
            return keras.layers.Activation("tanh", name="relu")
        return None

    edited = keras_network.rebuild(network(), name="edited", edit=edit)
    assert edited.get_layer("first").filters == 7
    outputs = keras_network.stages(edited, ["relu"])(IMAGES)
    assert np.min(outputs) < 0


def test_names_after():
    assert keras_network.names_after(network(), "norm") == ["relu", "second"]


@pytest.mark.parametrize("first_outputs", [(), ("first", "relu")])
def test_split_parts_make_the_whole(first_outputs):
    whole = network()
    first, rest = keras_network.split(whole, "relu", first_outputs)
    outputs = first(IMAGES)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert len(outputs) == max(len(first_outputs), 1)
    np.testing.assert_allclose(rest(outputs[-1]), whole(IMAGES), atol=1e-6)
    assert rest.name.endswith("_second_stage")
    assert rest(tf.zeros([1, 4, 6, 4])).shape == (1, 2, 3, 5)


def test_numbers_do_not_depend_on_what_was_made_before():
    """Two networks of unnamed layers: the second one's counts start anew as well."""

    def unnamed():
        image = keras.Input((8, 8, 3))
        x = keras.layers.Conv2D(2, 1)(image)
        x = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(x))
        x = keras.layers.Conv2D(2, 1, name="given")(keras.layers.Conv2D(2, 1)(x))
        return keras.Model(image, x)

    for _ in range(2):
        made = unnamed()
        keras_network.number_layers(made)
        assert [layer.name for layer in made.layers[1:]] == [
            "conv2d",
            "batch_normalization",
            "activation",
            "conv2d_1",
            "given",
        ]


def settled(hyperparams=None, freeze=False):
    return keras_network.rebuild(
        network(),
        name="settled",
        edit=lambda layer, config: keras_network.apply_settings(
            layer, config, hyperparams, freeze
        ),
    )


def test_no_settings_change_nothing():
    plain, same = network(), settled()
    for one, other in zip(plain.layers[1:], same.layers[1:], strict=True):
        assert one.get_config() == other.get_config()


def test_only_explicit_settings_are_applied():
    """Momentum .7 is explicit, epsilon .5 is not; kernels get the regulariser."""
    made = settled(
        ConvHyperparams(
            regularizer=keras.regularizers.L2(0.1),
            initializer=keras.initializers.Constant(2.0),
            activation="NONE",
            normalizer="batch_norm",
            batch_norm={"momentum": 0.7, "epsilon": 0.5},
            explicit=("momentum", "activation"),
        )
    )
    norm = made.get_layer("norm")
    assert norm.momentum == 0.7 and norm.epsilon == 1e-3
    assert isinstance(made.get_layer("relu"), keras.layers.Identity)
    for name in ("first", "second"):
        layer = made.get_layer(name)
        assert layer.kernel_regularizer.l2 == pytest.approx(0.1)
        np.testing.assert_array_equal(layer.kernel, np.full(layer.kernel.shape, 2.0))
        assert layer.bias_regularizer is None


def test_frozen_batch_norm():
    made = settled(freeze=True)
    assert not made.get_layer("norm").trainable
    assert made.get_layer("first").trainable


def test_group_norm_is_refused():
    with pytest.raises(ValueError, match="group_norm cannot be used in a backbone"):
        settled(ConvHyperparams(normalizer="group_norm"))
