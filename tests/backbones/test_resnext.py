"""ResNeXt: counts, maps, a grouped block's value, gradients, and detectors over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NARROW = "resnext { groups: 4 depth_multiplier: 0.05 squeeze: true }"
BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def conv(size, before, after):
    """Trained numbers of a convolution with batch norm."""
    return size * before * after + 2 * after


def counted(depth, groups, width, squeeze=False):
    """Of the whole network, block by block."""
    total, before = conv(49, 3, 64), 64
    for i, blocks in enumerate(BLOCKS[depth]):
        inner, outer = groups * width * 2**i, 256 * 2**i
        for n in range(blocks):
            total += conv(1, before, inner) + conv(1, inner, outer)
            total += conv(9, inner // groups, inner)
            total += conv(1, before, outer) if n == 0 else 0
            hidden = outer // 16
            total += squeeze * (2 * outer * hidden + outer + hidden)
            before = outer
    return total


@pytest.mark.parametrize(
    ("numbers", "published"),
    [
        ((50, 32, 4), 25_028_904),
        ((101, 32, 8), 88_791_336),
        ((101, 64, 4), 83_455_272),
        # SE-ResNet-50.
        ((50, 1, 64, True), 28_088_024),
    ],
)
def test_published_counts_by_hand(numbers, published):
    """With the classifier of 2048 * 1000 + 1000."""
    assert counted(*numbers) + 2_049_000 == published


def test_in_full():
    backbone = kit.built("resnext {}")
    assert kit.trained(backbone) == counted(50, 32, 4) == 22_979_904
    assert list(backbone.channels.values()) == [256, 512, 1024, 2048]
    assert backbone.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(backbone, 300) == [75, 38, 19, 10]
    kit.check_names(backbone)


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd(NARROW)


def test_gradients(narrow):
    kit.check_gradients(narrow)


def test_value_on_one_cell(narrow):
    """Of the first stage: groups of channels, and weights of their means."""
    network = narrow.network
    cell = kit.OneCell(network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "stem")
    for i in range(3):
        name, before = f"C2_block_{i}", x
        x = cell.conv(x, f"{name}_narrow")
        x = cell.conv(x, f"{name}_middle", groups=4)
        x = cell.conv(x, f"{name}_wide", activation=False)
        kernel, bias = network.get_layer(f"{name}_squeeze_reduce").get_weights()
        hidden = np.maximum(x @ kernel[0, 0] + bias, 0)
        kernel, bias = network.get_layer(f"{name}_squeeze_weigh").get_weights()
        x = x / (1 + np.exp(-(hidden @ kernel[0, 0] + bias)))
        if i == 0:
            before = cell.conv(before, f"{name}_project", activation=False)
        x = np.maximum(x + before, 0)
    made = narrow(image[None, None, None].astype(np.float32))["C2"]
    np.testing.assert_allclose(made[0, 0, 0], x, rtol=1e-3, atol=1e-6)


def test_second_stage():
    kit.check_faster_rcnn(NARROW)


@pytest.mark.parametrize("text", ["depth: 20", "groups: 0", "group_width: 0"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"resnext {{ {text} }}")
