"""What networks of our own tables are made of: depths, activations, weights."""

import keras
import numpy as np
import pytest

from od_api.backbones._own_network import Blocks, blocks_of

IMAGES = np.random.default_rng(0).normal(size=(1, 3, 3, 4)).astype(np.float32)


def test_depths_are_multiplied():
    """As they are, or multiples of 8: .3 * 116 is 34.8, and 32 is nearest."""
    assert Blocks().depth(116) == 116
    assert Blocks(multiplier=0.3).depth(116) == 32
    assert Blocks(multiplier=0.01, min_depth=16).depth(116) == 16
    with pytest.raises(ValueError):
        blocks_of(0, 8)


def test_a_number_is_the_slope_of_leaky_relu():
    x = keras.Input([None, None, 4])
    model = keras.Model(x, Blocks(activation=0.1).activate(x, "a"))
    np.testing.assert_allclose(
        model(IMAGES), np.maximum(IMAGES, 0.1 * IMAGES), rtol=1e-6
    )


def test_squeeze_with_zero_weights_halves():
    """Sigmoid of 0 is .5; of 32 channels 2 are left inside."""
    x = keras.Input([None, None, 32])
    model = keras.Model(x, Blocks().squeeze(x, "s"))
    assert model.count_params() == 32 * 2 + 2 + 2 * 32 + 32
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    images = np.tile(IMAGES, [1, 1, 1, 8])
    np.testing.assert_allclose(model(images), images / 2, rtol=1e-6)


def test_kernels_keep_the_variance():
    """He's start, of depthwise kernels too: 2 over the inputs that an output sees."""
    x = keras.Input([None, None, 256])
    make = Blocks()
    model = keras.Model(x, make.depthwise(make.conv(x, 256, 3, "full"), 3, "each"))
    full, each = (model.get_layer(n).get_weights()[0] for n in ("full", "each"))
    assert full.std() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.05)
    assert each.std() == pytest.approx((2 / 9) ** 0.5, rel=0.1)
