"""ShuffleNet v2: counts, maps, a unit's value, gradients, and detectors over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NARROW = "shufflenet_v2 { depth_multiplier: 0.1 squeeze: true }"


def conv(size, before, after):
    """Trained numbers of a convolution with batch norm."""
    return size * before * after + 2 * after


def counted(depths, top):
    """Of a unit of stride 2 and three or seven others in each stage."""
    total, before = conv(9, 3, 24), 24
    for depth, units in zip(depths, (4, 8, 4), strict=True):
        half = depth // 2
        total += 9 * before + 2 * before + 2 * conv(1, before, half)
        total += 9 * half + 2 * half + conv(1, half, half)
        total += (units - 1) * (2 * conv(1, half, half) + 9 * half + 2 * half)
        before = depth
    return total + conv(1, before, top)


@pytest.mark.parametrize(
    ("depths", "top", "published"),
    [
        ((48, 96, 192), 1024, 1_366_792),
        ((116, 232, 464), 1024, 2_278_604),
        ((176, 352, 704), 1024, 3_503_624),
        ((244, 488, 976), 2048, 7_393_996),
    ],
)
def test_published_counts_by_hand(depths, top, published):
    """With the classifier of a thousand classes."""
    assert counted(depths, top) + top * 1000 + 1000 == published


def test_in_full():
    """Of half the depth."""
    depths = (48, 96)
    backbone = kit.built("shufflenet_v2 { depth_multiplier: 0.5 }")
    assert kit.trained(backbone) == counted((*depths, 2 * depths[1]), 1024)
    assert list(backbone.channels.values()) == [24, *depths, 1024]
    assert backbone.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(backbone, 300) == [75, 38, 19, 10]
    kit.check_names(backbone)


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd(NARROW)


def test_gradients(narrow):
    kit.check_gradients(narrow)


def test_value_on_one_cell():
    network = kit.built("shufflenet_v2 { depth_multiplier: 0.1 }").network
    cell = kit.OneCell(network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "stem")
    name = "C3_unit_0"
    left = cell.depthwise(x, f"{name}_left", activation=False)
    left = cell.conv(left, f"{name}_left_wide")
    expected = shuffled(left, worked(cell, x, name))
    left, right = np.split(expected, 2)
    expected = shuffled(left, worked(cell, right, "C3_unit_1"))
    end = network.get_layer("C3_unit_1_shuffle").output
    made = type(network)(network.inputs, end)(image[None, None, None].astype("float32"))
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=1e-4, atol=1e-6)


def worked(cell, x, name):
    """What a unit makes of the half that it works on."""
    x = cell.conv(x, f"{name}_first")
    x = cell.depthwise(x, f"{name}_middle", activation=False)
    return cell.conv(x, f"{name}_last")


def shuffled(left, right):
    """Channels of the two halves in turn."""
    return np.stack([left, right], axis=-1).ravel()


def test_second_stage():
    kit.check_faster_rcnn(NARROW)


@pytest.mark.parametrize("text", ["depth_multiplier: 0", "min_depth: 9"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"shufflenet_v2 {{ {text} }}")
