"""Blocks of mobile networks: numbers of weights by hand, names, skips and depths."""

import keras
import numpy as np
import pytest

from od_api.backbones import _mobile_blocks as blocks

PLAIN = blocks.Style(1.0, 8, "relu", 1e-3, 0.99)


def made(block, style=PLAIN):
    """A network of one block behind a stem of 16 channels."""
    return blocks.network("small", 16, [block], style)


def convolved(model):
    """Numbers in the kernels of the block, without the stem's (3 x 3 x 3 x 16)."""
    kernels = [w for w in model.trainable_weights if "kernel" in w.path]
    return sum(int(np.prod(w.shape)) for w in kernels) - 3 * 3 * 3 * 16


@pytest.mark.parametrize(
    ("depth", "nearest"), [(3, 8), (11, 8), (12, 16), (20, 24), (24, 24), (27.9, 24)]
)
def test_nearest_8(depth, nearest):
    """Of 12, half way between 8 and 16, the upper one; fractions fall off."""
    assert blocks.nearest_8(depth) == nearest


@pytest.mark.parametrize(
    ("block", "numbers"),
    [
        # 16 x 64, 25 x 64, 64 x 24.
        (blocks.inverted(24, 4, 5), 1024 + 1600 + 1536),
        # 9 x 16, 16 x 24.
        (blocks.Block("depthwise", 24), 144 + 384),
        # 9 x 16 x 64, 64 x 24.
        (blocks.fused(24, 4), 9216 + 1536),
        # 16 x .5 = 8 and 24 x .75 = 18, nearest 16: 16 x 8, 9 x 8 x 16, 16 x 24.
        (blocks.tucker(24, 0.5, 0.75), 128 + 1152 + 384),
        # 16 x 24.
        (blocks.Block("plain", 24), 384),
    ],
)
def test_weights_of_each_kind(block, numbers):
    assert convolved(made(block)) == numbers


def test_squeeze_and_excitation():
    """Two dense layers with biases, to a quarter and back: 64 to 16 to 64."""
    squeezing = PLAIN._replace(squeeze=True)
    block = blocks.inverted(24, 4)
    assert convolved(made(block, squeezing)) - convolved(made(block)) == 2 * 64 * 16
    names = {layer.name for layer in made(block, squeezing).layers}
    assert {"block_1_squeeze_reduce", "block_1_squeeze_weigh"} <= names


@pytest.mark.parametrize(
    ("block", "adds"),
    [
        (blocks.inverted(16, 4), True),
        (blocks.inverted(16, 4, skip=False), False),
        (blocks.inverted(16, 4, stride=2), False),
        (blocks.inverted(24, 4), False),
    ],
)
def test_what_adds_its_input(block, adds):
    model = made(block)
    assert ("block_1_add" in [layer.name for layer in model.layers]) == adds
    if adds:
        # Without its last convolution the block gives what comes in.
        model.get_layer("block_1_project").set_weights([np.zeros([1, 1, 64, 16])])
        inside = keras.Model(
            model.inputs,
            [
                model.get_layer(f"{name}").output
                for name in ("stem_activation", "block_1_end")
            ],
        )
        before, after = inside(np.random.default_rng(0).uniform(size=[1, 9, 9, 3]))
        np.testing.assert_array_equal(before, after)


def test_strides_and_multiplied_depths():
    """Half of 24 is 12, nearest 16; the least is 16, also of half of 16."""
    halved = blocks.Style(0.5, 16, "relu", 1e-3, 0.99)
    model = made(blocks.inverted(24, 4, stride=2), halved)
    assert model.get_layer("stem").filters == 16
    assert model.compute_output_shape((1, 33, 20, 3)) == (1, 9, 5, 16)


def test_ends_and_donors():
    assert blocks.block_ends({"C4": (11, 16)}) == {"C4": ("block_11_end", 16)}
    with pytest.raises(ValueError, match="Keras"):
        blocks.no_donor()
