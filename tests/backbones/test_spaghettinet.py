"""SpaghettiNet: counts of all sizes, maps, a separable layer's value, detectors."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.backbones import spaghettinet
from od_api.core.errors import ConfigError

# Of the old API's graphs, whose outputs ours equal with the same weights.
COUNTS = {"small": 3_141_160, "medium": 3_832_056, "large": 5_439_560}


@pytest.fixture(scope="module")
def small():
    return kit.built('spaghettinet { size: "small" }')


@pytest.mark.parametrize("size", COUNTS)
def test_parameters(size, small):
    made = small if size == "small" else kit.built(f'spaghettinet {{ size: "{size}" }}')
    assert kit.trained(made) == COUNTS[size]
    depths = [spaghettinet.nodes(size)[level].depth for level in spaghettinet.LEVELS]
    assert list(made.channels.values()) == depths
    assert list(made.strides.values()) == [16, 32, 64, 128, 128]


def test_first_node_by_hand(small):
    """24 channels in 3 groups of 8, each to 64: 9 * 8 * 192 + 2 * 192 numbers, then
    192 * 48 + 2 * 48."""
    weights = [v for v in small.trainable_variables if "/N2_0_" in v.path]
    assert sum(int(np.prod(v.shape)) for v in weights) == 14_208 + 9_312


def test_maps_halve_upwards_and_gradients(small):
    """With explicit padding, too, of an odd size."""
    padded = kit.built('spaghettinet { size: "small" use_explicit_padding: true }')
    kit.check_gradients(padded, 97)
    kit.check_names(padded)
    for made in (small, padded):
        assert kit.sizes(made, 320) == [20, 10, 5, 3, 3]
        assert kit.sizes(made, 301) == [19, 10, 5, 3, 3]


def test_a_separable_layer(small):
    """N6_1, of one cell: x times the middle taps and a bias, 1x1, batch norm."""
    cell = kit.OneCell(small.network, lambda x: np.clip(x, 0, 6))
    x = np.linspace(-1, 1, 88)
    layers = [small.network.get_layer(f"N6_1_{n}") for n in ("depthwise", "last")]
    layers[0].bias.assign(np.linspace(0, 1, 88))
    kernel, bias = layers[0].get_weights()
    expected = cell.conv(x * kernel[2, 2, :, 0] + bias, "N6_1_last")
    made = layers[1](layers[0](x[None, None, None].astype(np.float32)))
    made = small.network.get_layer("N6_1_last_norm")(made)
    made = small.network.get_layer("N6_1_last_activation")(made)
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=1e-4, atol=1e-5)


def test_in_ssd():
    kit.in_ssd('spaghettinet { size: "small" }', ["C4", "C5", "C6", "C7"])


def test_an_unknown_size():
    with pytest.raises(ConfigError, match="take small, medium, large"):
        kit.built('spaghettinet { size: "s" }')
