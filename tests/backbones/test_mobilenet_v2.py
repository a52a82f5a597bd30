"""MobileNet v2: maps, depths, weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.protos import backbone_pb2

FILE = "weights_imagenet/mobilenet_v2_1.0_224_dequant_qat_no_top.h5"


def _build(text=""):
    return registry.build(text_format.Parse(text, backbone_pb2.MobilenetV2()))


def test_maps_halve_upwards_and_weights_give_keras_function(data_dir):
    """300 px: 75, 38, 19, 19, 10; at 224 the function is that of keras.applications.

    2,257,984 parameters is Keras' own count without the classifier.
    """
    path = data_dir / FILE
    ours = _build(f'weights: "{path}"')
    assert ours.network.count_params() == 2_257_984
    maps = ours(tf.zeros([1, 300, 300, 3]))
    assert {n: tuple(m.shape) for n, m in maps.items()} == {
        "C2": (1, 75, 75, 24),
        "C3": (1, 38, 38, 32),
        "C4": (1, 19, 19, 96),
        "C4_expanded": (1, 19, 19, 576),
        "C5": (1, 10, 10, 1280),
    }
    assert {n: m.shape[-1] for n, m in maps.items()} == ours.channels
    assert ours.strides == {"C2": 4, "C3": 8, "C4": 16, "C4_expanded": 16, "C5": 32}
    theirs = keras.applications.MobileNetV2(
        input_shape=(224, 224, 3), include_top=False, weights=path
    )
    x = np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)
    np.testing.assert_allclose(
        ours(ours.normalize(x))["C5"], theirs(x / 127.5 - 1), rtol=1e-3, atol=1e-3
    )


def test_paths_are_unique_and_carry_the_name():
    paths = [v.path for v in _build("depth_multiplier: 0.35").variables]
    assert len(set(paths)) == len(paths) == 260
    assert all(p.startswith("mobilenet_v2/") for p in paths)


@pytest.mark.parametrize(
    "multiplier, channels",
    [
        (0.25, [8, 8, 24, 144, 1280]),
        (0.35, [8, 16, 32, 192, 1280]),
        (0.5, [16, 16, 48, 288, 1280]),
        (0.75, [24, 24, 72, 432, 1280]),
        (1.4, [32, 48, 136, 816, 1792]),
    ],
)
def test_depths_are_multiples_of_8(multiplier, channels):
    """Depth d becomes the nearest multiple of 8, never below .9 d; C4_expanded has 6
    times the depth of C4, rounded first (.35: 33.6 becomes 32, and 192)."""
    backbone = _build(f"depth_multiplier: {multiplier}")
    assert list(backbone.channels.values()) == channels


def test_min_depth_widens_thin_layers_and_what_expands_them():
    """At .25 the stem and block 0 have 8 channels; 16 are asked for, times 6 is 96."""
    backbone = _build("depth_multiplier: 0.25 min_depth: 16")
    assert backbone.network.get_layer("Conv1").filters == 16
    assert backbone.network.get_layer("block_1_expand").filters == 96
    assert backbone.channels["C2"] == 16 and backbone.channels["C3"] == 16
    assert backbone(tf.zeros([1, 64, 64, 3]))["C5"].shape == (1, 2, 2, 1280)


def test_last_depth_is_taken_as_it_is(data_dir):
    backbone = _build(f'last_depth: 256 weights: "{data_dir / FILE}"')
    assert backbone.channels["C5"] == 256


def test_settings_and_frozen_batch_norm():
    backbone = _build(
        "depth_multiplier: 0.25 freeze_batch_norm: true conv_hyperparams { "
        "activation: SWISH regularizer { l2_regularizer { weight: 1 } } "
        "batch_norm { epsilon: 0.5 } }"
    )
    norm = backbone.network.get_layer("block_3_project_BN")
    assert norm.epsilon == 0.5 and norm.momentum == 0.999
    assert all("kernel" in v.path for v in backbone.trainable_variables)
    assert len(backbone.losses) == len(backbone.trainable_variables) == 52
    activation = backbone.network.get_layer("block_3_expand_relu").get_config()
    assert activation["activation"] == "silu"


def test_narrow_top():
    """Keras' 2,257,984 less 320 * 1280 + 4 * 1280 of the last convolution."""
    backbone = _build("narrow_top: true")
    assert backbone.network.count_params() == 2_257_984 - 414_720
    assert backbone.channels["C5"] == 320
