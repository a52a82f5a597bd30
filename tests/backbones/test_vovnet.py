"""VoVNet: counts, maps, a block's value, gradients, and detectors over it."""

import itertools

import backbone_kit as kit
import numpy as np
import pytest

from od_api.core.errors import ConfigError


def counted(depths, outputs, blocks, convolutions, attention, stem=(64, 64, 128)):
    """Trained numbers: kernels, two vectors of batch norm, and eSE's convolutions."""

    def conv(size, before, after):
        return size * before * after + 2 * after

    count = sum(conv(9, *pair) for pair in itertools.pairwise((3, *stem)))
    x = stem[-1]
    for depth, output, repeated in zip(depths, outputs, blocks, strict=True):
        for _ in range(repeated):
            count += conv(9, x, depth) + (convolutions - 1) * conv(9, depth, depth)
            count += conv(1, x + convolutions * depth, output)
            count += attention * (output**2 + output)
            x = output
    return count


WIDE = ((128, 160, 192, 224), (256, 512, 768, 1024))


@pytest.mark.parametrize(
    ("blocks", "convolutions", "plain", "weighed"),
    [
        ((1, 1, 1, 1), 3, 8_211_776, 10_180_416),
        ((1, 1, 2, 2), 5, 21_575_296, 25_184_128),
        ((1, 1, 4, 3), 5, 35_615_296, 41_454_912),
        ((1, 3, 9, 3), 5, 60_205_632, 69_523_520),
    ],
)
def test_published_counts_by_hand(blocks, convolutions, plain, weighed):
    assert counted(*WIDE, blocks, convolutions, False) == plain
    assert counted(*WIDE, blocks, convolutions, True) == weighed


def test_slim_one_by_hand():
    """27 layers, of which nobody publishes a count."""
    depths = ((64, 80, 96, 112), (128, 256, 384, 512))
    slim = "vovnet { depth: 27 version: 2 depth_multiplier: 0.125 }"
    eighths = ((8, 8, 16, 16), (16, 32, 48, 64))
    assert counted(*depths, (1, 1, 1, 1), 5, True) == 3_505_536
    assert kit.trained(kit.built(slim)) == counted(
        *eighths, (1, 1, 1, 1), 5, True, stem=(8, 8, 16)
    )


def test_39_layers_in_full():
    backbone = kit.built("vovnet {}")
    assert kit.trained(backbone) == 21_575_296
    assert list(backbone.channels.values()) == [256, 512, 768, 1024]
    assert kit.sizes(backbone, 300) == [75, 38, 19, 10]
    assert backbone.strides == {"C2": 4, "C3": 8, "C4": 16, "C5": 32}
    kit.check_names(backbone)
    # The first stage aggregates 128 + 5 * 128 channels.
    assert backbone.network.get_layer("C2_block_0_maps").output.shape[-1] == 768


@pytest.fixture(scope="module")
def narrow():
    return kit.in_ssd("vovnet { version: 2 depth_multiplier: 0.05 }")


def test_gradients(narrow):
    kit.check_gradients(narrow)


def test_value_on_one_cell(narrow):
    """A repeated block adds its input to what it aggregates and weighs."""
    network = narrow.network
    cell = kit.OneCell(network, lambda x: np.maximum(x, 0))
    x = image = np.array([0.5, -1.0, 2.0])
    for i in range(3):
        x = cell.conv(x, f"stem_{i}")
    for level, blocks in (("C2", 1), ("C3", 1), ("C4", 2), ("C5", 2)):
        for i in range(blocks):
            name, before, maps = f"{level}_block_{i}", x, [x]
            for n in range(5):
                x = cell.conv(x, f"{name}_conv_{n}")
                maps.append(x)
            x = cell.conv(np.concatenate(maps), f"{name}_aggregate")
            kernel, bias = network.get_layer(f"{name}_attention_weigh").get_weights()
            x = x * np.clip((x @ kernel[0, 0] + bias + 3) / 6, 0, 1)
            x = x + before if i else x
    kit.check_one_cell(narrow, image, x)


def test_attention_of_last_blocks_alone():
    text = "version: 2 depth_multiplier: 0.05 last_attention_only: true"
    names = [x.name for x in kit.built(f"vovnet {{ {text} }}").network.layers]
    weighing = [name for name in names if name.endswith("_attention_weigh")]
    assert [name[:10] for name in weighing] == [
        *("C2_block_0", "C3_block_0", "C4_block_1", "C5_block_1")
    ]


def test_second_stage():
    kit.check_faster_rcnn("vovnet { depth: 19 depth_multiplier: 0.05 }")


@pytest.mark.parametrize(
    "text", ["depth: 20", "version: 3", "last_attention_only: true", "min_depth: -1"]
)
def test_mistakes(text):
    with pytest.raises((ConfigError, ValueError)):
        kit.built(f"vovnet {{ {text} }}")
