"""RFB-Net's feature maps: levels, blocks, sizes, gradients, a detector."""

import neck_kit as kit
import pytest

from od_api.core.errors import ConfigError
from od_api.core.types import MapSpecs
from od_api.layers.receptive_field_block import ReceptiveFieldBlock

VGG = MapSpecs({"C4": 8, "C5": 16}, {"C4": 512, "C5": 1024})
RFB_NET = (
    'rfb_feature_maps { levels: ["C4", "C5"] block_depths: [512, 256] '
    "extra_depths: [256, 256] scale: 1 visual: 2 }"
)


def test_as_rfb_net_on_vgg():
    """300 px: maps of 38, 19, 10, 5, 3 and 2 cells; a small block, three others."""
    neck = kit.built(RFB_NET, VGG)
    assert neck.channels == {
        **{"C4": 512, "C5": 1024, "E1": 512, "E2": 256, "E3": 256, "E4": 256}
    }
    assert list(neck.strides.values()) == [8, 16, 32, 64, 128, 256]
    parts = [neck._layers_of[n] for n in neck.levels]
    blocks = [p for p in parts if isinstance(p, ReceptiveFieldBlock)]
    assert [len(b.branches) for b in blocks] == [4, 3, 3, 3]
    sizes = [b.compute_output_shape((1, 19, 19, 4))[1] for b in blocks]
    assert sizes == [19, 19, 10, 10]


def test_each_map_is_of_the_one_before():
    """What follows the first level goes on from the last stage's block."""
    neck = kit.built('rfb_feature_maps { levels: ["C4", "C5"] block_depths: 4 }')
    given = kit.features(96)
    maps, parts = neck(given), neck._layers_of
    last = parts["C5"](given["C5"])
    kit.check_maps(
        maps,
        {
            "C4": parts["C4"](given["C4"])[0],
            "C5": last[0],
            "E1": parts["E1"](last)[0],
        },
    )


def test_one_level_gets_a_block_of_full_size():
    neck = kit.built('rfb_feature_maps { levels: "C5" }')
    assert len(neck._layers_of["C5"].branches) == 3


def test_odd_sizes_and_gradients():
    text = 'levels: ["C4", "C5"] block_depths: 4 extra_depths: 3'
    kit.check_gradients(kit.built(f"rfb_feature_maps {{ {text} }}"), size=97)


def test_in_ssd():
    text = 'levels: ["C4", "C5"] block_depths: 16 extra_depths: 16'
    kit.in_ssd(f"rfb_feature_maps {{ {text} }}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "levels"),
        ('levels: "C9"', "no C9"),
        ('levels: "C5" scale: -1', "scale"),
        ('levels: "C5" visual: 0', "visual"),
        ('levels: "C5" block_depths: 0', "block_depths"),
        ('levels: "C5" extra_depths: 0', "extra_depths"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        kit.built(f"rfb_feature_maps {{ {text} }}")
