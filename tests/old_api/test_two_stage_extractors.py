"""Type strings of Faster R-CNN's feature extractors, and typed parts."""

import pytest
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.old_api.two_stage_extractors import BUILT, typed_parts
from od_api.protos import faster_rcnn_pb2


def extractor(text):
    return text_format.Parse(text, faster_rcnn_pb2.FasterRcnnFeatureExtractor())


@pytest.mark.parametrize("name", [n for n in BUILT if "_fpn" not in n])
def test_type_is_a_network_cut_in_two(name):
    backbone, neck = typed_parts(extractor(f"type: '{name}'"))
    part = getattr(backbone, backbone.WhichOneof("backbone_oneof"))
    assert neck is None and part.second_stage


def test_batch_norm_is_frozen_unless_asked_for():
    frozen, _ = typed_parts(extractor("type: 'faster_rcnn_resnet50'"))
    trained, _ = typed_parts(
        extractor("type: 'faster_rcnn_resnet50' batch_norm_trainable: true")
    )
    assert frozen.resnet.freeze_batch_norm
    assert not trained.resnet.freeze_batch_norm
    _, neck = typed_parts(extractor("type: 'faster_rcnn_resnet50_fpn'"))
    assert neck.fpn.freeze_batch_norm


def test_stride_8_reaches_the_network():
    backbone, _ = typed_parts(
        extractor("type: 'faster_rcnn_resnet101_keras' first_stage_features_stride: 8")
    )
    assert (backbone.resnet.depth, backbone.resnet.output_stride) == (101, 8)


@pytest.mark.parametrize("end, stride, padded", [("", 1, False), ("_keras", 2, True)])
def test_second_stages_of_the_keras_types(end, stride, padded):
    """A ResNet under TensorFlow 2 halved its crops; Inception-ResNet padded them."""
    backbone, _ = typed_parts(extractor(f"type: 'faster_rcnn_resnet50{end}'"))
    assert backbone.resnet.second_stage_stride == stride
    backbone, _ = typed_parts(
        extractor(f"type: 'faster_rcnn_inception_resnet_v2{end}'")
    )
    assert backbone.inception_resnet_v2.second_stage_same_padding == padded


def test_a_resnet_is_regularised_below_a_pyramid_alone():
    """By 1e-4 times the squares, and an l2 weight counts half."""
    cut, _ = typed_parts(extractor("type: 'faster_rcnn_resnet50_keras'"))
    assert not cut.resnet.conv_hyperparams.HasField("regularizer")
    whole, _ = typed_parts(extractor("type: 'faster_rcnn_resnet50_fpn_keras'"))
    regularizer = whole.resnet.conv_hyperparams.regularizer
    assert regularizer.l2_regularizer.weight == pytest.approx(2e-4)


@pytest.mark.parametrize(
    "text, without_effect",
    [
        ("type: 'faster_rcnn_resnet50'", ["pad_to_multiple", "conv_hyperparams"]),
        (
            "type: 'faster_rcnn_resnet50' "
            "override_base_feature_extractor_hyperparams: true",
            ["pad_to_multiple"],
        ),
        ("type: 'faster_rcnn_resnet50_fpn'", []),
        (
            "backbone { resnet {} } batch_norm_trainable: true",
            ["pad_to_multiple", "conv_hyperparams", "batch_norm_trainable"],
        ),
        ("backbone { resnet {} } neck { fpn {} } batch_norm_trainable: true", []),
    ],
)
def test_settings_of_pyramids_alone_are_named(text, without_effect, caplog):
    typed_parts(extractor(f"{text} pad_to_multiple: 64 conv_hyperparams {{}}"))
    named = [r.getMessage().split(" ")[0] for r in caplog.records]
    assert named == [f"feature_extractor.{field}" for field in without_effect]


def test_pyramid_levels():
    """2 to 6; a message with one of them set means 3 or 7 for the other, as of old."""
    _, neck = typed_parts(extractor("type: 'faster_rcnn_resnet50_fpn_keras'"))
    assert (neck.fpn.min_level, neck.fpn.max_level, neck.fpn.depth) == (2, 6, 256)
    _, neck = typed_parts(
        extractor("type: 'faster_rcnn_resnet50_fpn_keras' fpn { max_level: 6 }")
    )
    assert (neck.fpn.min_level, neck.fpn.max_level) == (3, 6)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is not set"),
        ("type: 'faster_rcnn_resnet5'", "did you mean faster_rcnn_resnet50"),
        ("type: 'ssd_mobilenet_v1'", "of SSD"),
        ("type: 'faster_rcnn_resnet50' first_stage_features_stride: 4", "8 or 16"),
        (
            "type: 'faster_rcnn_inception_v2' first_stage_features_stride: 8",
            "has only 16",
        ),
        ("type: 'faster_rcnn_resnet50' fpn {}", "does not belong"),
        ("type: 'faster_rcnn_resnet50' backbone { resnet {} }", "together"),
        ("backbone {}", "empty"),
        (
            "type: 'faster_rcnn_resnet50' neck { fpn {} }",
            "neck: stands without backbone",
        ),
    ],
)
def test_what_cannot_be_is_said(text, message):
    with pytest.raises(ConfigError, match=message):
        typed_parts(extractor(text))
