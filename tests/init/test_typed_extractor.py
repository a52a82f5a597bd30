"""A `type` written out as parts that build the same network, with more settings."""

import pytest

from od_api.core.registry import build_field
from od_api.core.variables import named_variables
from od_api.init.detector_choices import chosen, model_of
from od_api.init.typed_extractor import (
    set_batch_norm_decay,
    type_extractor,
    typed_backbone,
)
from od_api.protos import faster_rcnn_pb2, hyperparams_pb2, ssd_pb2


def ssd():
    return model_of(chosen("ssd_mobilenet_v1_300").config())


def weights_of(extractor):
    """{name: shape} of all weights of a detector with it."""
    config = chosen("ssd_mobilenet_v1_300").config()
    config.model.ssd.feature_extractor.CopyFrom(extractor)
    named = named_variables(build_field(config, "model").parts)
    return {name: tuple(variable.shape) for name, variable in named.items()}


def test_the_network_is_the_same():
    old, new = ssd(), ssd()
    type_extractor(new, freeze=False)
    extractor = new.feature_extractor
    assert not extractor.HasField("type")
    assert extractor.backbone.WhichOneof("backbone_oneof") == "mobilenet_v1"
    assert weights_of(old.feature_extractor) == weights_of(extractor)
    assert typed_backbone(old).WhichOneof("backbone_oneof") == "mobilenet_v1"


def test_the_width_reaches_backbone_and_extra_maps():
    """Half: MobileNet v1's first kernel has 16 in place of 32 filters."""
    model = ssd()
    type_extractor(model, depth_multiplier=0.5)
    backbone = model.feature_extractor.backbone.mobilenet_v1
    assert backbone.depth_multiplier == 0.5
    assert backbone.freeze_batch_norm
    assert (3, 3, 3, 16) in weights_of(model.feature_extractor).values()
    full = ssd()
    type_extractor(full)
    assert full.feature_extractor.backbone.mobilenet_v1.depth_multiplier == 1


@pytest.mark.parametrize("freeze", [False, True])
def test_two_stages_keep_how_their_batch_norm_trains(freeze):
    model = faster_rcnn_pb2.FasterRcnn()
    extractor = model.feature_extractor
    extractor.type = "faster_rcnn_resnet50_fpn_keras"
    extractor.batch_norm_trainable = True
    extractor.pad_to_multiple = 32
    type_extractor(model, freeze=freeze)
    assert not extractor.HasField("type")
    assert extractor.backbone.resnet.depth == 50
    assert extractor.backbone.resnet.freeze_batch_norm == freeze
    assert extractor.HasField("neck")
    assert extractor.batch_norm_trainable and extractor.pad_to_multiple == 32


def test_batch_norm_everywhere_below_gets_its_decay():
    """In a message, in one within it and in those of a list; nothing is added."""
    model = ssd_pb2.Ssd()
    hyperparams = model.feature_extractor.conv_hyperparams
    hyperparams.batch_norm.decay = 0.9997
    head = model.box_predictor.convolutional_box_predictor.conv_hyperparams
    head.regularizer.l2_regularizer.weight = 1.0
    set_batch_norm_decay(model, 0.5)
    assert hyperparams.batch_norm.decay == 0.5
    assert not head.HasField("batch_norm")
    alone = hyperparams_pb2.Hyperparams()
    set_batch_norm_decay(alone, 0.5)
    assert alone == hyperparams_pb2.Hyperparams()
