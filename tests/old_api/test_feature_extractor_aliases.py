"""Type strings of the old API as typed messages."""

import pytest
from google.protobuf import text_format

from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.old_api import feature_extractor_aliases as aliases
from od_api.old_api.feature_extractor_defaults import mobilenet_v2_last_depth
from od_api.protos import backbone_pb2, neck_pb2, ssd_pb2

NORM = "batch_norm { decay: 0.97 scale: true }"


def _parts(text, **options):
    message = text_format.Parse(text, ssd_pb2.SsdFeatureExtractor())
    return aliases.typed_parts(message, **options)


def test_plain_mobilenet_v1_in_full():
    backbone, neck = _parts(
        f'type: "ssd_mobilenet_v1_keras" depth_multiplier: 0.75 min_depth: 12 '
        f"conv_hyperparams {{ activation: RELU_6 {NORM} }} use_explicit_padding: true"
    )
    expected = """
      mobilenet_v1 {
        depth_multiplier: 0.75 min_depth: 12 use_explicit_padding: true
        conv_hyperparams {
          regularizer { l2_regularizer { weight: 0.00004 } }
          initializer { truncated_normal_initializer { stddev: 0.09 } }
          activation: RELU_6
          batch_norm { decay: 0.9997 center: true scale: true epsilon: 0.001 }
        }
      }"""
    assert backbone == text_format.Parse(expected, backbone_pb2.Backbone())
    expected = f"""
      ssd_feature_maps {{
        levels: ["C4", "C5"] extra_depths: [512, 256, 256, 128]
        depth_multiplier: 0.75 min_depth: 12
        use_depthwise: false use_explicit_padding: true
        conv_hyperparams {{ activation: RELU_6 {NORM} }}
      }}"""
    assert neck == text_format.Parse(expected, neck_pb2.Neck())


@pytest.mark.parametrize(
    "num_layers, levels, extras",
    [(1, ["C4"], []), (2, ["C4", "C5"], []), (4, ["C4", "C5"], [512, 256])],
)
def test_num_layers_cuts_the_list(num_layers, levels, extras):
    _, neck = _parts(f'type: "ssd_mobilenet_v1" num_layers: {num_layers}')
    assert list(neck.ssd_feature_maps.levels) == levels
    assert list(neck.ssd_feature_maps.extra_depths) == extras


def test_mobilenet_v2_reads_the_expanded_map():
    backbone, neck = _parts('type: "ssd_mobilenet_v2_keras"')
    assert list(neck.ssd_feature_maps.levels) == ["C4_expanded", "C5"]
    assert backbone.mobilenet_v2.last_depth == 1280


@pytest.mark.parametrize(
    "depth, multiplier, expected",
    [(1280, 1.0, 1280), (1280, 1.4, 1280), (1280, 0.35, 448), (256, 0.3, 80)],
)
def test_last_depth_of_mobilenet_v2_is_narrowed_and_never_widened(
    depth, multiplier, expected
):
    """256 * .3 = 76.8: the nearest multiple of 8 is 80."""
    assert mobilenet_v2_last_depth(depth, multiplier) == expected


MAPS = {
    "ssd_vgg16": ("vgg16", ["C3", "C4_fc7"], [512, 256, 256, 256, 256]),
    "ssd_resnet101_v1": ("resnet", ["C4"], [512, 512, 256, 256, 128]),
    "ssd_inception_v2": (
        "inception_v2",
        ["C4_mixed_4c", "C5"],
        [512, 256, 256, 128],
    ),
    "ssd_inception_v3": ("inception_v3", ["C3", "C4", "C5"], [512, 256, 128]),
    "ssd_inception_resnet_v2": ("inception_resnet_v2", ["C4", "C5"], [512, 256, 128]),
}


@pytest.mark.parametrize("name", MAPS)
def test_maps_of_the_study_and_of_the_old_inceptions(name):
    backbone, neck = _parts(
        f'type: "{name}" depth_multiplier: 0.5 conv_hyperparams {{ {NORM} }}'
    )
    part, levels, extras = MAPS[name]
    assert backbone.WhichOneof("backbone_oneof") == part
    assert getattr(backbone, part).depth_multiplier == 0.5
    maps = neck.ssd_feature_maps
    assert (list(maps.levels), list(maps.extra_depths)) == (levels, extras)
    assert list(maps.l2_normalized_levels) == (["C3"] if part == "vgg16" else [])
    assert maps.conv_hyperparams.HasField("batch_norm")
    fewer = _parts(f'type: "{name}" num_layers: {len(levels) + 1}')[1]
    assert list(fewer.ssd_feature_maps.extra_depths) == extras[:1]


def test_settings_of_the_study_s_bases():
    """VGG has no batch norm to override; the old Inceptions always took theirs from
    conv_hyperparams."""
    override = (
        "override_base_feature_extractor_hyperparams: true conv_hyperparams "
        f"{{ activation: RELU_6 {NORM} }}"
    )
    vgg = _parts(f'type: "ssd_vgg16" {override}')[0].vgg16
    assert vgg.fc_as_convolutions
    assert vgg.conv_hyperparams.activation == vgg.conv_hyperparams.RELU_6
    assert vgg.conv_hyperparams.WhichOneof("normalizer_oneof") is None
    resnet = _parts('type: "ssd_resnet152_v1"')[0].resnet
    assert (resnet.depth, resnet.last_stage) == (152, "C4")
    assert resnet.conv_hyperparams.batch_norm.decay == pytest.approx(0.997)
    plain = f'type: "%s" conv_hyperparams {{ {NORM} }}'
    for name, decay in (("inception_v3", 0.97), ("inception_resnet_v2", 0.9997)):
        part = getattr(_parts(plain % f"ssd_{name}")[0], name)
        assert part.conv_hyperparams.batch_norm.decay == pytest.approx(decay)


def test_fpn_of_a_resnet():
    backbone, neck = _parts(
        'type: "ssd_resnet101_v1_fpn" fpn { min_level: 2 max_level: 6 } '
        "use_depthwise: true"
    )
    assert backbone.resnet.depth == 101
    settings = backbone.resnet.conv_hyperparams
    assert settings.batch_norm.epsilon == pytest.approx(1e-5)
    assert settings.regularizer.l2_regularizer.weight == pytest.approx(1e-4)
    fpn = neck.fpn
    assert (fpn.min_level, fpn.max_level, fpn.depth) == (2, 6, 256)
    assert not fpn.use_depthwise  # the old extractor did not look at it
    twin, _ = _parts('type: "ssd_resnet101_v1_fpn_keras"')
    settings = twin.resnet.conv_hyperparams
    assert settings.regularizer.l2_regularizer.weight == pytest.approx(2e-4)


@pytest.mark.parametrize(
    "multiplier, least, depth", [(1.0, 16, 128), (0.5, 16, 64), (0.1, 16, 16)]
)
def test_fpn_depth_is_multiplied(multiplier, least, depth):
    _, neck = _parts(
        'type: "ssd_mobilenet_v2_fpn_keras" fpn { additional_layer_depth: 128 } '
        f"depth_multiplier: {multiplier} min_depth: {least}"
    )
    assert neck.fpn.depth == depth


def test_depthwise_fpn_narrows_the_top_of_mobilenets():
    v1, neck = _parts('type: "ssd_mobilenet_v1_fpn_keras" use_depthwise: true')
    v2, _ = _parts('type: "ssd_mobilenet_v2_fpn" use_depthwise: true')
    keras_v2, _ = _parts('type: "ssd_mobilenet_v2_fpn_keras" use_depthwise: true')
    assert list(v1.mobilenet_v1.last_depths) == [512, 256]
    assert v2.mobilenet_v2.last_depth == 256
    assert keras_v2.mobilenet_v2.last_depth == 1280, "as its checkpoints are"
    assert neck.fpn.use_depthwise
    plain, _ = _parts('type: "ssd_mobilenet_v1_fpn_keras"')
    assert not plain.mobilenet_v1.last_depths


def test_override_gives_the_backbone_every_setting():
    """Also those left to their defaults: the old override replaced all of them."""
    backbone, _ = _parts(
        'type: "ssd_mobilenet_v1" override_base_feature_extractor_hyperparams: true '
        "conv_hyperparams { batch_norm { decay: 0.97 } }"
    )
    settings = backbone.mobilenet_v1.conv_hyperparams
    assert settings.HasField("activation") and settings.activation == settings.RELU
    assert settings.batch_norm.HasField("scale") and not settings.batch_norm.scale
    assert settings.batch_norm.decay == pytest.approx(0.97)
    assert not settings.HasField("regularizer")


def test_typed_parts_are_used_as_they_are():
    text = (
        "backbone { mobilenet_v1 { depth_multiplier: 0.5 } } pad_to_multiple: 32 "
        'neck { ssd_feature_maps { levels: "C4" } }'
    )
    backbone, neck = _parts(text)
    assert backbone.mobilenet_v1.depth_multiplier == 0.5
    assert not backbone.mobilenet_v1.HasField("conv_hyperparams")
    assert list(neck.ssd_feature_maps.levels) == ["C4"]


@pytest.mark.parametrize(
    "text, field, message",
    [
        ("", "type", "is not set; set one of ssd_mobilenet_v1, "),
        ('type: "ssd_mobilenet_v1_kears"', "type", "ssd_mobilenet_v1_keras"),
        (
            'type: "ssd_spaghettinet" spaghettinet_arch_name: "spaghettinet_s"',
            "spaghettinet_arch_name",
            "take spaghettinet_edgetpu_s, ",
        ),
        ('type: "ssd_efficientnet-b3_bifpn_keras" fpn {}', "fpn", "does not belong"),
        ('type: "faster_rcnn_resnet50"', "type", "of Faster R-CNN and not of SSD"),
        ('type: "ssd_mobilenet_v1" fpn {}', "fpn", "with fpn in its name"),
        ('type: "ssd_resnet50_v1_fpn" bifpn {}', "bifpn", "does not belong"),
        ('type: "ssd_mobilenet_v1" depth_multiplier: 0', "depth_multiplier", "above 0"),
        ("backbone { resnet {} }", "neck", "go together"),
        ("neck { fpn {} }", "backbone", "go together"),
        ('type: "ssd_mobilenet_v1" backbone {} neck {}', "type", "cannot be set"),
        ("min_depth: 5 backbone {} neck {}", "min_depth", "cannot be set"),
        ('type: "ssd_mobilenet_v1" old_padding: true', "old_padding", "is of a ResNet"),
        (
            'type: "ssd_inception_v2" old_depth_multiplier: true',
            "old_depth_multiplier",
            "is of MobileNet v1",
        ),
    ],
)
def test_mistakes_name_the_field(text, field, message):
    with pytest.raises(ConfigError, match=message) as caught:
        _parts(text)
    assert caught.value.field_path == field


def test_old_settings_reach_the_backbone():
    backbone, _ = _parts('type: "ssd_resnet50_v1_fpn" old_padding: true fpn {}')
    assert backbone.resnet.old_padding
    backbone, _ = _parts('type: "ssd_mobilenet_v1" old_depth_multiplier: true')
    assert backbone.mobilenet_v1.old_depth_multiplier


@pytest.mark.parametrize(
    "name", ["ssd_mobilenet_v1_keras", "ssd_mobilenet_v2_fpn_keras", "ssd_mobilenet_v2"]
)
def test_parts_build(name):
    backbone, neck = _parts(
        f'type: "{name}" depth_multiplier: 0.1 min_depth: 8 use_depthwise: true '
        f"conv_hyperparams {{ {NORM} }}"
    )
    backbone, neck = registry.build(backbone), registry.build(neck)
    neck.build({n: (None, None, None, c) for n, c in backbone.channels.items()})
    paths = [v.path for v in (*backbone.variables, *neck.variables)]
    assert len(set(paths)) == len(paths)
