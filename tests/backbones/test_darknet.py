"""DarkNet: counts, maps, a block's value, gradients, and detectors over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError


@pytest.mark.parametrize(
    ("depth", "convolutions", "parameters", "moving"),
    [(53, 52, 40_584_928, 40_620_640), (19, 18, 20_842_376 - 1_025_000, None)],
)
def test_in_full(depth, convolutions, parameters, moving):
    """Published counts; with 19 layers the classifier is 1024 * 1000 + 1000 of them,
    and with 53 moving statistics were counted, too.

    The first two convolutions of each are 27 * 32 and 288 * 64 kernels, and two trained
    vectors of batch norm.
    """
    backbone = kit.built(f"darknet {{ depth: {depth} }}")
    assert kit.trained(backbone) == parameters
    assert moving in (None, backbone.network.count_params())
    kernels = [v for v in backbone.trainable_variables if v.path.endswith("kernel")]
    assert len(kernels) == convolutions
    first = sum(int(np.prod(v.shape)) for v in backbone.trainable_variables[:6])
    assert first == 27 * 32 + 288 * 64 + 2 * (32 + 64)
    assert list(backbone.channels.values()) == [128, 256, 512, 1024]
    assert backbone.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(backbone, 256) == [64, 32, 16, 8]
    assert kit.sizes(backbone, 300) == [75, 38, 19, 10]
    kit.check_names(backbone)


@pytest.fixture(scope="module", params=[19, 53])
def narrow(request):
    return kit.in_ssd(f"darknet {{ depth: {request.param} depth_multiplier: 0.03 }}")


def test_gradients(narrow):
    kit.check_gradients(narrow)


@pytest.mark.parametrize("narrow", [53], indirect=True)
def test_first_residual_block(narrow):
    """Of an image of one pixel: products with the middle of each kernel."""
    network = narrow.network
    cell = kit.OneCell(network, lambda x: np.maximum(x, 0.1 * x))
    image = np.array([0.5, -1.0, 2.0], np.float32)
    before = cell.conv(cell.conv(image, "stem"), "C1_halve")
    added = cell.conv(cell.conv(before, "C1_block_0_narrow"), "C1_block_0_wide")
    expected = cell.conv(before + added, "C2_halve")
    for i in range(2):
        name = f"C2_block_{i}"
        narrow = cell.conv(expected, f"{name}_narrow")
        expected = expected + cell.conv(narrow, f"{name}_wide")
    made = network(image[None, None, None])[0]
    np.testing.assert_allclose(made[0, 0, 0], expected, rtol=1e-4, atol=1e-6)


def test_second_stage():
    kit.check_faster_rcnn("darknet { depth: 19 depth_multiplier: 0.03 }")


@pytest.mark.parametrize("text", ["depth: 20", "depth_multiplier: 0"])
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"darknet {{ {text} }}")


def test_nobody_has_imagenet_weights_of_it():
    with pytest.raises(ConfigError, match="Keras does not have it"):
        kit.built('darknet { depth_multiplier: 0.03 weights: "imagenet" }')
