"""Dual path networks: counts, maps, a block's value, gradients, detectors over them."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NARROW = "dpn { depth_multiplier: 0.03 }"


def counted(stem, groups, width, growth, blocks, residual=256):
    """Trained numbers: each convolution has a norm of its input before it."""

    def conv(size, before, after):
        return 2 * before + size * before * after

    total, before = 49 * 3 * stem + 2 * stem, stem
    for i, (grown, count) in enumerate(zip(growth, blocks, strict=True)):
        inner, kept = groups * width * 2**i, residual * 2**i
        total += conv(1, before, kept + 2 * grown)
        for n in range(count):
            total += conv(1, before, inner) + conv(1, inner, kept + grown)
            total += 2 * inner + 9 * inner * inner // groups
            before = kept + (3 + n) * grown
    return total + 2 * before, before


@pytest.mark.parametrize(
    ("numbers", "millions"),
    [
        ((64, 32, 3, (16, 32, 24, 128), (3, 4, 20, 3)), 37.67),
        ((96, 40, 4, (16, 32, 32, 128), (3, 6, 20, 3)), 61.57),
        ((128, 50, 4, (20, 64, 64, 128), (4, 8, 20, 3)), 86.92),
        ((128, 40, 4, (16, 32, 32, 128), (4, 8, 28, 3)), 79.25),
    ],
)
def test_published_counts_by_hand(numbers, millions):
    """With the classifier of 2688 * 1000 + 1000."""
    parameters, depth = counted(*numbers)
    assert depth == 2688
    assert round((parameters + 2_689_000) / 1e6, 2) == millions


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd(NARROW)


def test_narrow(narrow):
    """Eight channels of each path; growth by eight in every block."""
    count, depth = counted(8, 32, 1, (8, 8, 8, 8), (3, 4, 20, 3), residual=8)
    assert kit.trained(narrow) == count
    depths = [kept + (2 + n) * 8 for kept, n in ((8, 3), (16, 4), (32, 20), (64, 3))]
    assert list(narrow.channels.values()) == depths and depths[-1] == depth
    assert narrow.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(narrow, 300) == [75, 38, 19, 10]
    kit.check_names(narrow)
    kit.check_gradients(narrow)


def test_value_on_one_cell(narrow):
    """Of the first stage: some channels are added to, and others appended."""
    network = narrow.network
    cell = kit.OneCell(network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "stem")
    for i in range(3):
        name, paths = f"C2_block_{i}", x
        if i == 0:
            paths = cell.product(cell.norm(x, f"{name}_open"), f"{name}_open")
        y = cell.product(cell.norm(x, f"{name}_narrow"), f"{name}_narrow")
        y = cell.product(cell.norm(y, f"{name}_middle"), f"{name}_middle", groups=32)
        y = cell.product(cell.norm(y, f"{name}_wide"), f"{name}_wide")
        x = np.concatenate([paths[:8] + y[:8], paths[8:], y[8:]])
    made = narrow(image[None, None, None].astype(np.float32))["C2"]
    np.testing.assert_allclose(made[0, 0, 0], x, rtol=1e-3, atol=1e-6)


def test_second_stage():
    kit.check_faster_rcnn(NARROW)


@pytest.mark.parametrize("text", ["depth: 20", "depth_multiplier: 0"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"dpn {{ {text} }}")
