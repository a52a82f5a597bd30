"""What every backbone shares: levels, strides, channels, weights, second stage."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.backbones._stages import StagedNetwork
from od_api.core.errors import UserError

STAGES = {"C2": ("a", 2), "C3": ("b", 4), "C4": ("c", 8)}
IMAGES = np.random.default_rng(0).normal(size=(2, 16, 24, 3)).astype(np.float32)


def network(depths=(4, 5, 6)):
    """Three convolutions that halve the map."""
    x = images = keras.Input((None, None, 3))
    for name, depth in zip("abc", depths, strict=True):
        x = keras.layers.Conv2D(depth, 3, 2, padding="same", name=name)(x)
    return keras.Model(images, x, name="three")


class Backbone(StagedNetwork):
    def __init__(self, made, weights="", donor=None, **settings):
        super().__init__(name="backbone")
        self._read_stages(made, STAGES, **settings)
        self._load_initial(weights, donor)


def test_levels_strides_and_channels():
    backbone = Backbone(network())
    assert backbone.levels == ("C2", "C3", "C4")
    assert backbone.strides == {"C2": 2, "C3": 4, "C4": 8}
    assert backbone.channels == {"C2": 4, "C3": 5, "C4": 6}
    assert backbone.second_stage is None
    maps = backbone(IMAGES)
    assert list(maps) == ["C2", "C3", "C4"]
    for level, x in maps.items():
        stride = backbone.strides[level]
        assert x.shape == (2, 16 // stride, 24 // stride, backbone.channels[level])


def test_second_stage_goes_on_where_the_first_ends():
    made = network()
    whole = Backbone(made)
    cut = Backbone(made, second_stage_after="C3")
    assert cut.levels == ("C2", "C3") and cut.channels == {"C2": 4, "C3": 5}
    maps, expected = cut(IMAGES), whole(IMAGES)
    np.testing.assert_allclose(maps["C3"], expected["C3"], atol=1e-6)
    np.testing.assert_allclose(cut.second_stage(maps["C3"]), expected["C4"], atol=1e-6)


@pytest.mark.parametrize("after", [None, "C3"])
def test_each_variable_is_there_once(after):
    backbone = Backbone(network(), second_stage_after=after)
    names = [v.path.split("/")[-2:] for v in backbone.trainable_variables]
    assert names == [[n, v] for n in "abc" for v in ("kernel", "bias")]


def test_initial_weights_and_those_of_a_file(tmp_path):
    """Both reach the second stage too."""
    donor, other = network(), network()
    backbone = Backbone(network(), "imagenet", lambda: donor, second_stage_after="C3")
    assert_weights(backbone, donor)
    other.save(tmp_path / "other.h5")
    backbone.load_weights(tmp_path / "other.h5")
    assert_weights(backbone, other)


def assert_weights(backbone, expected):
    ours, theirs = backbone.get_weights(), expected.get_weights()
    for one, another in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, another)


def test_optional_layers_stay_random(tmp_path):
    network(depths=(4, 5, 9)).save(tmp_path / "deeper.h5")
    with pytest.raises(UserError, match="layer c has shapes"):
        Backbone(network()).load_weights(tmp_path / "deeper.h5")
    Backbone(network(), optional=("c",)).load_weights(tmp_path / "deeper.h5")


def test_normalised_images_go_from_minus_1_to_1():
    images = tf.constant([[[[0, 255, 51]]]], tf.uint8)
    np.testing.assert_allclose(
        Backbone(network()).normalize(images), [[[[-1, 1, -0.6]]]], atol=1e-6
    )
