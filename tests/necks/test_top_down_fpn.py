"""The paper's pyramid: sizes, parameters, what flows down."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.protos import neck_pb2

RESNET_CHANNELS = {"C2": 256, "C3": 512, "C4": 1024, "C5": 2048}
STRIDES = {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
ONES = """conv_hyperparams { initializer {
  random_normal_initializer { mean: 1 stddev: 0 }
} }"""


def neck_of(text=""):
    return registry.build(text_format.Parse(text, neck_pb2.TopDownFpn()))


def stages(channels, size):
    return {
        name: tf.random.stateless_normal(
            [1, -(-size // STRIDES[name]), -(-size // STRIDES[name]), depth], (1, 2)
        )
        for name, depth in channels.items()
    }


def test_parameters_over_resnet_50():
    """Laterals 256 (256 + 512 + 1024 + 2048) + 4 x 256 = 984,064; four 3x3 of
    9 x 256 x 256 + 256 = 2,360,320: 3,344,384 (T50)."""
    neck = neck_of()
    neck.follow(MapSpecs(STRIDES, RESNET_CHANNELS))
    neck.build(MapSpecs(STRIDES, RESNET_CHANNELS).shapes)
    assert neck.count_params() == 984_064 + 2_360_320 == 3_344_384
    assert neck.levels == ("P2", "P3", "P4", "P5", "P6")
    assert neck.strides["P6"] == 64 and set(neck.channels.values()) == {256}


def test_sizes_of_an_image_of_256_pixels():
    maps = neck_of("depth: 8")(stages(dict.fromkeys(STRIDES, 2), 256))
    assert {level: x.shape[1:] for level, x in maps.items()} == {
        "P2": (64, 64, 8),
        "P3": (32, 32, 8),
        "P4": (16, 16, 8),
        "P5": (8, 8, 8),
        "P6": (4, 4, 8),
    }
    np.testing.assert_array_equal(maps["P6"], maps["P5"][:, ::2, ::2])


@pytest.mark.parametrize("recursion, value", [("false", 8), ("true", 8)])
def test_values_of_a_pyramid_of_ones(recursion, value):
    """Kernels of 1 over one channel. P5 = C5 = 1, smoothed 1. P4 sums 1 + 1 = 2 over
    all four cells: 8. Below, P3 has 4 x 4 cells of 1 + 2 before smoothing, or 1 + 8
    after: a corner sees four of them, the middle nine."""
    neck = neck_of(f"min_level: 3 max_level: 5 depth: 1 {ONES}")
    if recursion == "true":
        text = f"min_level: 3 max_level: 5 depth: 1 post_conv_recursion: true {ONES}"
        neck = neck_of(text)
    maps = neck(
        {f"C{n}": tf.ones([1, 2 ** (5 - n), 2 ** (5 - n), 1]) for n in (3, 4, 5)}
    )
    assert float(maps["P5"][0, 0, 0, 0]) == 1
    np.testing.assert_allclose(maps["P4"][0, :, :, 0], np.full((2, 2), value))
    each = 9 if recursion == "true" else 3
    np.testing.assert_allclose(maps["P3"][0, 0, 0, 0], 4 * each)
    np.testing.assert_allclose(maps["P3"][0, 1, 1, 0], 9 * each)


def test_odd_sizes_and_gradients_reach_every_variable():
    neck = neck_of("depth: 4")
    with tf.GradientTape() as tape:
        maps = neck(stages({"C2": 2, "C3": 3, "C4": 4, "C5": 5}, 97), training=True)
        loss = tf.add_n([tf.reduce_sum(m**2) for m in maps.values()])
    assert maps["P2"].shape == (1, 25, 25, 4) and maps["P6"].shape == (1, 2, 2, 4)
    gradients = tape.gradient(loss, [v.value for v in neck.trainable_variables])
    assert all(g is not None and np.all(np.isfinite(g)) for g in gradients)


def test_laterals_are_handed_out_to_those_who_ask():
    """M5 is the lateral of C5; P5 its smoothing, alike with and without (T80)."""
    neck = neck_of("min_level: 4 max_level: 6 depth: 2")
    features = stages({"C4": 2, "C5": 3}, 64)
    plain, maps = neck(features), neck(features, auxiliary=True)
    assert list(plain) == list(neck.levels) == ["P4", "P5", "P6"]
    assert list(maps) == ["P4", "P5", "P6", "M4", "M5"]
    assert neck.auxiliary == MapSpecs({"M4": 16, "M5": 32}, {"M4": 2, "M5": 2})
    kernel, bias = (x.numpy() for x in neck.variables[2:4])
    np.testing.assert_allclose(
        maps["M5"], features["C5"] @ kernel[0, 0] + bias, atol=1e-5
    )
    for level, x in plain.items():
        np.testing.assert_array_equal(maps[level], x)


@pytest.mark.parametrize(
    "setting", ["batch_norm {}", "group_norm {}", "activation: RELU"]
)
def test_what_the_paper_does_not_have_is_refused(setting):
    with pytest.raises(ConfigError, match="this pyramid has neither"):
        neck_of(f"conv_hyperparams {{ {setting} }}")
