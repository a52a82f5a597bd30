"""Every type string of SSD: the backbone, the levels and the depths it stands for."""

import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.old_api import ssd_extractor_types
from od_api.protos import ssd_pb2


def parts(name, text=""):
    message = text_format.Parse(text, ssd_pb2.SsdFeatureExtractor(type=name))
    return ssd_extractor_types.BUILT[name](message)


@pytest.mark.parametrize(
    ("name", "backbone", "levels", "depths"),
    [
        ("ssd_mobilenet_v1", "mobilenet_v1", "C4 C5", [512, 256, 256, 128]),
        ("ssd_mobilenet_v2", "mobilenet_v2", "C4_expanded C5", [512, 256, 256, 128]),
        ("ssd_inception_v2", "inception_v2", "C4_mixed_4c C5", [512, 256, 256, 128]),
        ("ssd_inception_v3", "inception_v3", "C3 C4 C5", [512, 256, 128]),
        ("ssd_pnasnet", "pnasnet", "C4 C5", [512, 256, 256, 128]),
        ("ssd_resnet101_v1", "resnet", "C4", [512, 512, 256, 256, 128]),
        ("ssd_vgg16", "vgg16", "C3 C4_fc7", [512, 256, 256, 256, 256]),
        ("ssd_inception_resnet_v2", "inception_resnet_v2", "C4 C5", [512, 256, 128]),
    ],
)
def test_levels_and_depths_of_plain_ssd(name, backbone, levels, depths):
    made, neck = parts(name)
    assert made.WhichOneof("backbone_oneof") == backbone
    assert list(neck.ssd_feature_maps.levels) == levels.split()
    assert list(neck.ssd_feature_maps.extra_depths) == depths


def test_num_layers_cuts_the_list():
    _, neck = parts("ssd_mobilenet_v1", "num_layers: 3")
    assert list(neck.ssd_feature_maps.extra_depths) == [512]
    _, neck = parts("ssd_inception_v3", "num_layers: 2")
    assert list(neck.ssd_feature_maps.levels) == ["C3", "C4"]
    assert not neck.ssd_feature_maps.extra_depths


@pytest.mark.parametrize("depth", ssd_extractor_types.DEPTHS)
def test_resnets(depth):
    backbone, neck = parts(f"ssd_resnet{depth}_v1_fpn", "use_depthwise: true")
    assert backbone.resnet.depth == depth
    # A pyramid over a ResNet never had depthwise convolutions.
    assert not neck.fpn.use_depthwise
    backbone, _ = parts(f"ssd_resnet{depth}_v1")
    assert (backbone.resnet.depth, backbone.resnet.last_stage) == (depth, "C4")


def test_pooling_pyramid_over_resnets():
    backbone, neck = parts("ssd_resnet101_v1_ppn")
    assert (backbone.resnet.depth, backbone.resnet.last_stage) == (101, "C4")
    pyramid = neck.pooling_pyramid
    assert (pyramid.level, pyramid.num_layers, pyramid.depth) == ("C4", 6, 0)
    with pytest.raises(ConfigError, match="has only 1"):
        parts("ssd_resnet50_v1_ppn", "depth_multiplier: 0.5")


def test_depth_of_a_pyramid_is_multiplied():
    """256 x .5 = 128; at least min_depth."""
    text = "depth_multiplier: 0.5 fpn { additional_layer_depth: 256 min_level: 4 }"
    _, neck = parts("ssd_mobilenet_v1_fpn", text)
    assert (neck.fpn.depth, neck.fpn.min_level, neck.fpn.max_level) == (128, 4, 7)
    _, neck = parts("ssd_mobilenet_v1_fpn", f"{text} min_depth: 200")
    assert neck.fpn.depth == 200


def test_depthwise_pyramids_narrow_the_network_below():
    backbone, _ = parts("ssd_mobilenet_v1_fpn", "use_depthwise: true")
    assert list(backbone.mobilenet_v1.last_depths) == [512, 256]
    for end, depth in (("", 256), ("_keras", 1280)):
        backbone, _ = parts(f"ssd_mobilenet_v2_fpn{end}", "use_depthwise: true")
        assert backbone.mobilenet_v2.last_depth == depth


def test_vgg_has_no_batch_norm_and_normalises_its_first_level():
    text = """override_base_feature_extractor_hyperparams: true
              conv_hyperparams { activation: RELU batch_norm {} }"""
    backbone, neck = parts("ssd_vgg16", text)
    assert backbone.vgg16.fc_as_convolutions
    assert backbone.vgg16.conv_hyperparams.WhichOneof("normalizer_oneof") is None
    assert list(neck.ssd_feature_maps.l2_normalized_levels) == ["C3"]


def test_twins_of_the_old_api_alone():
    built = set(ssd_extractor_types.BUILT)
    for name in ssd_extractor_types.OLD_API:
        assert f"{name}_keras" in built
    for name in (
        *ssd_extractor_types.STUDY,
        *ssd_extractor_types.OLD_API_TENSORFLOW_1,
    ):
        assert name in built and f"{name}_keras" not in built


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2"])
def test_explicit_padding_reaches_backbone_and_maps(name):
    """The old networks padded all of their layers so."""
    backbone, neck = parts(f"ssd_{name}", "use_explicit_padding: true")
    assert getattr(backbone, name).use_explicit_padding
    assert neck.ssd_feature_maps.use_explicit_padding
