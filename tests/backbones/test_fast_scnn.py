"""Fast-SCNN: count, maps, the fused map's value, gradients, and a detector over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NARROW = "fast_scnn { depth_multiplier: 0.25 num_classes: 2 }"


def test_in_full():
    """The paper has 1.11 million; the fused map of 512 px has 64 cells a side."""
    backbone = kit.built("fast_scnn {}")
    assert kit.trained(backbone) == 1_099_248
    assert backbone.channels == {"C3": 128, "C4": 64, "C5": 128}
    assert kit.sizes(backbone, 512) == [64, 32, 16]
    assert kit.sizes(backbone, 300) == [38, 19, 10]
    kit.check_names(backbone)


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd(NARROW, ("C3", "C4", "C5"))


def test_two_classes_at_the_fused_map(narrow):
    assert narrow.channels["C3_classes"] == 2 and narrow.strides["C3_classes"] == 8
    assert kit.sizes(narrow, 512) == [64, 64, 32, 16]


def test_gradients(narrow):
    kit.check_gradients(narrow)


def test_value_on_one_cell(narrow):
    """Where means of parts are the map itself: both branches are added."""
    cell = kit.OneCell(narrow.network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "stem")
    for i in range(2):
        x = cell.depthwise(x, f"shared_{i}_depthwise")
        x = cell.conv(x, f"shared_{i}_pointwise")
    shared = x
    for i in range(3):
        for n in range(3):
            name, before = f"deep_{i}_{n}", x
            x = cell.conv(x, f"{name}_expand")
            x = cell.depthwise(x, f"{name}_depthwise")
            x = cell.conv(x, f"{name}_narrow", activation=False)
            x = x + before if n else x
    parts = [cell.conv(x, f"parts_{bins}") for bins in (1, 2, 3, 6)]
    x = cell.conv(np.concatenate([x, *parts]), "deep")
    x = cell.conv(cell.depthwise(x, "deep_smooth"), "deep_fuse", activation=False)
    fused = np.maximum(x + cell.conv(shared, "shared_fuse", activation=False), 0)
    made = narrow(image[None, None, None].astype(np.float32))["C3"]
    np.testing.assert_allclose(made[0, 0, 0], fused, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("text", ["num_classes: -1", "depth_multiplier: 0"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"fast_scnn {{ {text} }}")
