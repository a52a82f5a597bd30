"""HBONet: counts, maps, a block's value, gradients, and detectors over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NARROW = "hbonet { depth_multiplier: 0.25 }"


def test_in_full():
    """The classifier would be 1600 * 1000 + 1000 more: 4,562,116 in all."""
    backbone = kit.built("hbonet {}")
    assert kit.trained(backbone) == 2_961_116 == 4_562_116 - 1_601_000
    assert list(backbone.channels.values()) == [72, 96, 288, 1600]
    assert backbone.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    widths = [
        backbone.network.get_layer(f"line_{i}_end").output.shape[-1]
        for i in range(1, 10)
    ]
    assert widths == [24, 40, 72, 96, 192, 288, 144, 200, 400]
    assert kit.sizes(backbone, 300) == [75, 38, 19, 10]
    kit.check_names(backbone)


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd(NARROW)


def test_gradients(narrow):
    kit.check_gradients(narrow)


def test_half_of_a_block_is_its_input(narrow):
    """The last channels of the input, as they are, come first."""
    network = narrow.network
    before, after = (network.get_layer(f"line_{i}_end").output for i in (5, 6))
    part = type(network)(network.inputs, [before, after])
    images = np.random.default_rng(0).normal(size=(1, 48, 48, 3)).astype(np.float32)
    before, after = (x.numpy() for x in part(images))
    half = after.shape[-1] // 2
    np.testing.assert_array_equal(after[..., :half], before[..., -half:])


def test_value_of_a_block_on_one_cell(narrow):
    network = narrow.network
    cell = kit.OneCell(network, lambda x: np.clip(x, 0, 6))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "stem")
    y = cell.depthwise(x, "line_1_block_0_depthwise")
    # As deep as the stem here, so that it is added.
    x = x + cell.conv(y, "line_1_block_0_narrow", activation=False)
    name, before = "line_2_block_0", x
    x = cell.depthwise(x, f"{name}_halve", activation=False)
    x = cell.depthwise(cell.conv(x, f"{name}_expand"), f"{name}_depthwise")
    x = cell.conv(x, f"{name}_narrow", activation=False)
    x = cell.depthwise(x + before[: len(x)], f"{name}_smooth", activation=False)
    expected = np.concatenate([before[-len(x) :], x])
    part = type(network)(network.inputs, network.get_layer("line_2_end").output)
    made = part(image[None, None, None].astype(np.float32))
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=1e-4, atol=1e-6)


def test_second_stage():
    kit.check_faster_rcnn(NARROW)


def test_mistakes():
    with pytest.raises((ConfigError, ValueError)):
        kit.built("hbonet { depth_multiplier: -1 }")
