"""Parts of channels, and shuffled ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from od_api.layers.channel_layers import ChannelPart, ChannelShuffle

MAP = np.arange(12, dtype=np.float32).reshape(1, 1, 2, 6)


def test_shuffle():
    """Two groups of 0..5: 0 3 1 4 2 5; three groups put it back."""
    shuffled = ChannelShuffle(2)(MAP)
    np.testing.assert_array_equal(shuffled[0, 0, 0], [0, 3, 1, 4, 2, 5])
    np.testing.assert_array_equal(ChannelShuffle(3)(shuffled), MAP)


@pytest.mark.parametrize(
    ("part", "channels"),
    [((0, 2), [0, 1]), ((2, None), [2, 3, 4, 5]), ((-2, None), [4, 5])],
)
def test_part(part, channels):
    layer = ChannelPart(*part)
    np.testing.assert_array_equal(layer(MAP)[0, 0, 0], channels)
    assert layer.compute_output_shape((1, 1, 2, 6)) == (1, 1, 2, len(channels))


@pytest.mark.parametrize("layer", [ChannelPart(1, 3), ChannelShuffle(3)])
def test_in_networks_of_any_size(layer):
    """Saved and read, compiled too."""
    copy = type(layer).from_config(layer.get_config())
    x = keras.Input([None, None, 6])
    model = keras.Model(x, copy(x))
    compiled = tf.function(model, jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(MAP)), layer(MAP))
