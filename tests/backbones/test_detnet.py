"""DetNet-59: counts, maps, a stage's value, gradients, and detectors over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

NARROW = "detnet { depth_multiplier: 0.03 }"


def test_in_full():
    """Kernels 17,294,528, and two vectors of batch norm of 26,560 channels."""
    backbone = kit.built("detnet {}")
    kernels = [v for v in backbone.trainable_variables if v.path.endswith("kernel")]
    assert sum(int(np.prod(v.shape)) for v in kernels) == 17_294_528
    assert kit.trained(backbone) == 17_347_648 == 17_294_528 + 2 * 26_560
    # 59 layers: these, less six beside blocks, and the classifier.
    assert len(kernels) == 59 - 1 + 5
    assert list(backbone.channels.values()) == [256, 512, 1024, 1024, 1024]
    assert list(backbone.strides.values()) == [4, 8, 16, 16, 16]
    assert kit.sizes(backbone, 300) == [75, 38, 19, 19, 19]
    kit.check_names(backbone)


def test_without_projections_two_convolutions_are_less():
    """1024 * 1024 kernels and 2 * 1024 numbers of batch norm each."""
    parameters = 17_347_648 - 2 * (1024 * 1024 + 2 * 1024)
    assert parameters == 15_246_400
    backbone = kit.built("detnet { projections: false depth_multiplier: 0.03 }")
    names = [x.name for x in backbone.network.layers]
    whole = [x.name for x in kit.built(NARROW).network.layers]
    assert {n for n in whole if n.endswith("_project")} - set(names) == {
        *("C5_block_0_project", "C6_block_0_project")
    }


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd(NARROW, ("C4", "C5", "C6"))


def test_gradients(narrow):
    kit.check_gradients(narrow)


def test_value_on_one_cell(narrow):
    cell = kit.OneCell(narrow.network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(image, "stem")
    for level, blocks in zip("23456", (3, 4, 6, 3, 3), strict=True):
        for i in range(blocks):
            name, before = f"C{level}_block_{i}", x
            x = cell.conv(cell.conv(x, f"{name}_narrow"), f"{name}_middle")
            x = cell.conv(x, f"{name}_wide", activation=False)
            if i == 0:
                before = cell.conv(before, f"{name}_project", activation=False)
            x = np.maximum(x + before, 0)
    kit.check_one_cell(narrow, image, x)


def test_kernels_of_the_last_stages_are_spread(narrow):
    for level, rate in (("C4", 1), ("C5", 2), ("C6", 2)):
        middle = narrow.network.get_layer(f"{level}_block_1_middle")
        assert middle.dilation_rate == (rate, rate)


def test_second_stage():
    kit.check_faster_rcnn(NARROW)


def test_mistakes():
    with pytest.raises((ConfigError, ValueError)):
        kit.built("detnet { depth_multiplier: 0 }")
