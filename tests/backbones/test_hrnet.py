"""HRNet: counts, maps, the sums of streams, gradients, and a detector over it."""

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError

TOY = "hrnet { width: 4 modules: [1, 1, 1] }"


def conv(size, before, after):
    """Trained numbers of a convolution with batch norm."""
    return size * before * after + 2 * after


def counted(width, modules=(1, 4, 3)):
    """Of the whole network, part by part."""
    total = conv(9, 3, 64) + conv(9, 64, 64)
    total += 4 * conv(9, 64, 64) + 4 * conv(1, 64, 256) + conv(1, 64, 64)
    total += 3 * conv(1, 256, 64) + conv(1, 64, 256)
    depths = [width, 2 * width, 4 * width, 8 * width]
    total += conv(9, 256, depths[0]) + conv(9, 256, depths[1])
    total += conv(9, depths[1], depths[2]) + conv(9, depths[2], depths[3])
    for streams, count in zip((2, 3, 4), modules, strict=True):
        total += count * _module(depths[:streams])
    return total


def _module(depths):
    total = sum(8 * conv(9, depth, depth) for depth in depths)
    for target, after in enumerate(depths):
        for source, before in enumerate(depths):
            if source > target:
                total += conv(1, before, after)
            if source < target:
                total += (target - source - 1) * conv(9, before, before)
                total += conv(9, before, after)
    return total


@pytest.mark.parametrize(
    ("width", "parameters"),
    [(18, 9_562_260), (32, 29_305_536), (40, 45_521_216), (48, 65_325_120)],
)
def test_published_counts_by_hand(width, parameters):
    assert counted(width) == parameters


@pytest.fixture(scope="module")
def toy():
    return kit.in_ssd(TOY)


def test_toy(toy):
    assert kit.trained(toy) == counted(4, (1, 1, 1))
    assert toy.channels == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert toy.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    assert kit.sizes(toy, 300) == [75, 38, 19, 10]
    kit.check_names(toy)
    kit.check_gradients(toy)


def test_value_on_one_cell(toy):
    """Where upsampling does nothing: each stream is ReLU of the sum of all."""
    cell = kit.OneCell(toy.network, lambda x: np.maximum(x, 0))
    image = np.array([0.5, -1.0, 2.0])
    x = cell.conv(cell.conv(image, "stem_0"), "stem_1")
    for i in range(4):
        name, before = f"first_block_{i}", x
        x = cell.conv(cell.conv(x, f"{name}_narrow"), f"{name}_middle")
        x = cell.conv(x, f"{name}_wide", activation=False)
        if i == 0:
            before = cell.conv(before, f"{name}_project", activation=False)
        x = np.maximum(x + before, 0)
    streams = [cell.conv(x, f"stage_2_open_{i}") for i in range(2)]
    streams = mixed(cell, streams, "stage_2_module_0")
    streams.append(cell.conv(streams[1], "stage_3_open_2"))
    streams = mixed(cell, streams, "stage_3_module_0")
    streams.append(cell.conv(streams[2], "stage_4_open_3"))
    expected = mixed(cell, streams, "stage_4_module_0")
    kit.check_one_cell(toy, image, expected[-1])
    finest = toy(image[None, None, None].astype(np.float32))["C2"][0, 0, 0]
    np.testing.assert_allclose(finest, expected[0], rtol=2e-3, atol=1e-5)


def mixed(cell, streams, name):
    """What a module makes of the streams."""
    worked = []
    for i, x in enumerate(streams):
        for unit in range(4):
            block = f"{name}_stream_{i}_unit_{unit}"
            y = cell.conv(x, f"{block}_first")
            x = np.maximum(x + cell.conv(y, f"{block}_second", activation=False), 0)
        worked.append(x)
    made = []
    for target in range(len(worked)):
        total = worked[target]
        for source, x in enumerate(worked):
            way = f"{name}_from_{source}_to_{target}"
            if source > target:
                total = total + cell.conv(x, way, activation=False)
            if source < target:
                for step in range(target - source):
                    last = step == target - source - 1
                    x = cell.conv(x, f"{way}_{step}", activation=not last)
                total = total + x
        made.append(np.maximum(total, 0))
    return made


def test_below_its_pyramid():
    pyramid = """
      feature_extractor { neck { hrfpn { num_levels: 3 depth: 8 } } }
      first_stage_anchor_generator { multiscale_anchor_generator {
        min_level: 2 max_level: 4 anchor_scale: 4 aspect_ratios: 1.0
        scales_per_octave: 1
      } }"""
    kit.check_faster_rcnn(TOY, pyramid)


@pytest.mark.parametrize(
    "text", ["width: 0", "modules: [1, 4]", "modules: [1, 0, 1]", 'upsampling: "cubic"']
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"hrnet {{ {text} }}")
