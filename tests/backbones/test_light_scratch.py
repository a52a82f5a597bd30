"""The light scratch network: its maps, what it multiplies, gradients, a detector."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

BELOW = "backbone { darknet { depth: 19 depth_multiplier: 0.03 } }"
TEXT = f"light_scratch {{ {BELOW} extra_depths: 8 }}"
IMAGES = np.random.default_rng(0).normal(size=(1, 75, 75, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def backbone():
    return kit.in_ssd(TEXT, ("C3", "C4", "C5", "S1"))


def test_maps_beside_vgg_for_ssd():
    """300 px: 38, 19 and 10 cells, of 512, 1024 and 512 channels.

    Without biases: 3x3, 1x1 and 3x3 kernels of 128 channels and 128 * 512; 9 * 128 *
    256 and 256 * 1024; 9 * 256 * 128 and 128 * 512.
    """
    made = kit.built(
        "light_scratch { backbone { vgg16 { fc_as_convolutions: true "
        'depth_multiplier: 0.5 } } levels: ["C3", "C4_fc7"] extra_depths: 512 }'
    )
    shapes = made.network.compute_output_shape((1, 300, 300, 3))
    halves = [(1, 38, 38, 256), (1, 19, 19, 512), (1, 10, 10, 512)]
    assert [tuple(shape) for shape in shapes] == halves
    assert list(made.strides.values()) == [4, 8, 16, 16, 32]


def test_maps_are_multiplied_by_its_own(backbone):
    maps, below = backbone(IMAGES), backbone.backbone(IMAGES)
    own = backbone.network(IMAGES)
    assert list(maps) == ["C2", "C3", "C4", "C5", "S1"]
    np.testing.assert_array_equal(maps["C2"], below["C2"])
    for level, gate in zip(("C3", "C4", "C5"), own[:3], strict=True):
        np.testing.assert_allclose(maps[level], below[level] * gate, rtol=1e-6)
    np.testing.assert_array_equal(maps["S1"], own[3])
    assert backbone.strides["S1"] == 64 and maps["S1"].shape == (1, 2, 2, 8)


def test_value_on_one_cell(backbone):
    """Of the shallow network: its maps lead through quarters of their channels."""
    cell = kit.OneCell(backbone.network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "C3_first")
    x = cell.conv(cell.conv(x, "C3_second"), "C3_third")
    x = cell.conv(x, "C4_halve")
    expected = cell.conv(x, "C4_wide", activation=False)
    made = backbone.network(image[None, None, None].astype(np.float32))[1]
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=1e-4, atol=1e-6)


def test_gradients(backbone):
    kit.check_gradients(backbone)
    kit.check_names(backbone)


def test_weights_are_the_backbones(tmp_path, backbone):
    own = [w.numpy() for w in backbone.network.weights]
    backbone.backbone.network.save(tmp_path / "below.h5")
    backbone.load_weights(tmp_path / "below.h5")
    for before, after in zip(own, backbone.network.weights, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'{BELOW} levels: ["C4"]', "C4 has the stride 16, and the map beside it 8"),
        (f'{BELOW} levels: ["C3", "C9"]', "no C9, but C2"),
        (f"{BELOW} extra_depths: 2", "extra_depths"),
    ],
)
def test_mistakes(text, says):
    with pytest.raises((ConfigError, ValueError), match=says):
        kit.built(f"light_scratch {{ {text} }}")
