"""Layers made of Hyperparams messages."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.protos import hyperparams_pb2


def _build(text=""):
    message = text_format.Parse(text, hyperparams_pb2.Hyperparams())
    return registry.build(message, num_classes=3)


def test_unset_message_is_relu_with_bias_and_keras_defaults():
    block = _build().conv_block(4, 3, name="block")
    block.build((None, 8, 8, 2))
    assert [type(s).__name__ for s in block.steps] == ["Conv2D", "Activation"]
    assert block.steps[0].use_bias and block.steps[0].kernel_regularizer is None
    assert float(tf.reduce_min(block(tf.random.normal([1, 8, 8, 2])))) == 0.0


@pytest.mark.parametrize(
    "activation, expected",
    [
        ("NONE", [-1.0, 2.0, 9.0]),
        ("RELU", [0.0, 2.0, 9.0]),
        ("RELU_6", [0.0, 2.0, 6.0]),
        ("SWISH", [-0.268941, 1.761594, 8.998889]),
    ],
)
def test_activations(activation, expected):
    layer = _build(f"activation: {activation}").activation_layer(name="a")
    x = tf.constant([-1.0, 2.0, 9.0])
    np.testing.assert_allclose(x if layer is None else layer(x), expected, rtol=1e-5)


def test_l2_weight_counts_half_on_depthwise_kernels_too():
    """Weight .04, kernel 3x3x2 of ones: .04 / 2 * 18 = .36."""
    make = _build("regularizer { l2_regularizer { weight: 0.04 } }")
    conv = make.conv2d(1, 3, name="c")
    depthwise = make.depthwise_conv2d(3, name="d")
    for layer in (conv, depthwise):
        layer.build((None, 4, 4, 2))
        layer.set_weights([np.ones((3, 3, 2, 1)), np.zeros(layer.weights[1].shape)])
        assert float(layer.losses[0]) == pytest.approx(0.36)


def test_l1_weight_counts_whole():
    conv = _build("regularizer { l1_regularizer { weight: 0.04 } }").conv2d(
        1, 3, name="c"
    )
    conv.build((None, 4, 4, 2))
    conv.set_weights([np.full((3, 3, 2, 1), -1.0), np.zeros(1)])
    assert float(conv.losses[0]) == pytest.approx(0.72)


def test_separable_pointwise_kernel_takes_settings_only_on_request():
    make = _build(
        "regularizer { l2_regularizer { weight: 1 } } "
        "initializer { truncated_normal_initializer { mean: 5 stddev: 0 } }"
    )
    plain = make.separable_conv2d(3, 3, name="s")
    full = make.separable_conv2d(3, 3, name="t", pointwise=True)
    for layer in (plain, full):
        layer.build((None, 4, 4, 2))
        np.testing.assert_allclose(layer.depthwise_kernel, 5.0)
    assert len(plain.losses) == 1 and len(full.losses) == 2
    assert np.all(np.abs(plain.pointwise_kernel) < 2)
    np.testing.assert_allclose(full.pointwise_kernel, 5.0)


def test_two_layers_of_one_message_get_different_numbers():
    """Keras gives the same numbers to every user of one unseeded initialiser."""
    make = _build("initializer { truncated_normal_initializer { stddev: 0.03 } }")
    a, b = make.conv2d(64, 3, name="a"), make.conv2d(64, 3, name="b")
    a.build((None, 4, 4, 8))
    b.build((None, 4, 4, 8))
    assert not np.allclose(a.kernel, b.kernel)
    assert 0.02 < float(np.std(a.kernel)) < 0.03  # a normal of .03 cut at 2 sigma


@pytest.mark.parametrize(
    "text, check",
    [
        (
            "random_normal_initializer { mean: 1 stddev: 0.5 }",
            {"mean": 1.0, "stddev": 0.5},
        ),
        (
            "variance_scaling_initializer { factor: 3 uniform: true mode: FAN_AVG }",
            {"scale": 3.0, "mode": "fan_avg", "distribution": "uniform"},
        ),
        (
            "variance_scaling_initializer { }",
            {"scale": 2.0, "mode": "fan_in", "distribution": "truncated_normal"},
        ),
    ],
)
def test_initializers(text, check):
    config = _build(f"initializer {{ {text} }}").new_initializer().get_config()
    assert {key: config[key] for key in check} == check


def test_initializer_by_name():
    initializer = _build(
        'initializer { keras_initializer_by_name: "he_normal" }'
    ).new_initializer()
    assert isinstance(initializer, keras.initializers.HeNormal)
    with pytest.raises(ConfigError, match=r"keras_initializer_by_name.*he_normall"):
        _build('initializer { keras_initializer_by_name: "he_normall" }')


def test_batch_norm_numbers_and_no_bias():
    make = _build("batch_norm { decay: 0.9 epsilon: 0.01 scale: true }")
    block = make.conv_block(4, 1, name="block")
    block.build((None, 2, 2, 4))
    conv, norm, _ = block.steps
    assert not conv.use_bias and norm.scale and norm.center
    assert (norm.momentum, norm.epsilon) == (pytest.approx(0.9), pytest.approx(0.01))
    assert make.explicit == {"momentum", "epsilon", "scale", "synchronized"}
    names = [v.path for v in block.trainable_variables]
    assert names == ["block/conv/kernel", "block/norm/gamma", "block/norm/beta"]


def test_schema_defaults_of_batch_norm():
    norm = _build("batch_norm {}").norm_layer(4, name="norm")
    assert norm.momentum == pytest.approx(0.999) and norm.epsilon == pytest.approx(1e-3)
    assert norm.center and not norm.scale and norm.trainable and not norm.synchronized


@pytest.mark.parametrize(
    "text, bias",
    [
        ("batch_norm {}", False),
        ("batch_norm { center: false }", True),
        ("batch_norm {} force_use_bias: true", True),
        ("group_norm {}", False),
        ("sync_batch_norm {}", False),
    ],
)
def test_bias_only_without_a_normalizers_offset(text, bias):
    assert _build(text).use_bias is bias


def test_batch_norm_train_false_keeps_statistics_and_trains_nothing():
    block = _build("batch_norm { train: false scale: true }").conv_block(2, 1, name="b")
    x = tf.random.normal([4, 3, 3, 2]) + 5.0
    inference, training = block(x), block(x, training=True)
    np.testing.assert_allclose(inference, training)
    assert [v.path for v in block.trainable_variables] == ["b/conv/kernel"]


def test_training_flag_reaches_batch_norm_through_a_chain():
    block = _build("activation: NONE batch_norm {}").conv_block(2, 1, name="b")
    y = block(tf.random.normal([8, 4, 4, 2]) + 5.0, training=True)
    np.testing.assert_allclose(tf.reduce_mean(y, [0, 1, 2]), 0.0, atol=1e-4)
    assert float(np.abs(block.steps[1].moving_mean).max()) > 0


def test_sync_batch_norm_and_group_norm():
    assert _build("sync_batch_norm {}").norm_layer(8, name="n").synchronized
    group = _build("group_norm {}").norm_layer(48, name="n")
    assert isinstance(group, keras.layers.GroupNormalization) and group.groups == 16


@pytest.mark.parametrize("size", [5, 6, 19, 20])
@pytest.mark.parametrize("use_depthwise", [False, True])
def test_explicit_padding_gives_the_same_size(size, use_depthwise):
    make = ConvHyperparams()
    x = tf.zeros([1, size, size, 2])
    blocks = [
        make.conv_block(
            3,
            3,
            name=f"b{pad}",
            strides=2,
            use_depthwise=use_depthwise,
            use_explicit_padding=pad,
        )
        for pad in (False, True)
    ]
    half = -(-size // 2)
    assert blocks[0](x).shape == blocks[1](x).shape == (1, half, half, 3)


def test_explicit_padding_starts_one_row_earlier_on_even_maps():
    """Ones over [1..6]: "same" sums 1+2+3, 3+4+5, 5+6; padded 1+2, 2+3+4, 4+5+6.

    The map has one column, so each output adds up three rows of it.
    """
    make = ConvHyperparams(initializer=keras.initializers.Ones())
    x = tf.reshape(tf.range(1.0, 7.0), [1, 6, 1, 1])
    same = make.conv_block(1, 3, name="a", strides=2)(x)
    padded = make.conv_block(1, 3, name="b", strides=2, use_explicit_padding=True)(x)
    assert tf.reshape(same, [-1]).numpy().tolist() == [6, 12, 11]
    assert tf.reshape(padded, [-1]).numpy().tolist() == [3, 9, 15]
