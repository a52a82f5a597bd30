"""Fields that an import sets in a config, from the names of tensors alone."""

import numpy as np
import pytest
from google.protobuf import text_format

from od_api.checkpoints.importing.old_networks import with_old_network
from od_api.checkpoints.importing.old_weights import OldWeights
from od_api.protos import pipeline_pb2

PREDICTOR = "FirstStageBoxPredictor/ConvolutionalBoxHead_{}/BoxEncodingPredictor/kernel"
LEVELS = [PREDICTOR.format(level) for level in range(5)]
PYRAMID = 'feature_extractor { type: "faster_rcnn_resnet50_fpn_keras" fpn {} }'
CASCADE = "first_stages { box_predictor { cascade_rpn_predictor {} } }"
OWN_HEAD = "first_stages { box_predictor { region_proposal_predictor { %s } } }"


def with_old_ssd(text, names, slim=True):
    """(SSD's feature extractor that is made, fields that were set in it)."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(text, config.model.ssd.feature_extractor)
    arrays = {name: np.zeros([1], np.float32) for name in names}
    old = OldWeights("old.ckpt", "checkpoint", slim, arrays, {}, 0)
    changed, fields = with_old_network(config, old)
    return changed.model.ssd.feature_extractor, fields


RESNET = "FeatureExtractor/resnet_v1_101/conv1/weights"
SMOOTHING = "FeatureExtractor/MobilenetV1/fpn/smoothing_1/weights"
OVERRIDE = "override_base_feature_extractor_hyperparams: true conv_hyperparams { %s }"


@pytest.mark.parametrize("settings", ["activation: RELU_6", "batch_norm {}"])
def test_what_did_not_reach_a_resnet_of_slim(settings):
    text = f'type: "ssd_resnet101_v1_fpn" {OVERRIDE % settings}'
    extractor, fields = with_old_ssd(text, [RESNET])
    assert fields == ["old_padding", "old_slim_override"]
    assert extractor.old_slim_override


def test_slims_own_numbers_reach_everything():
    same = "activation: RELU batch_norm { epsilon: 0.00001 }"
    for text in (OVERRIDE % same, ""):
        text = f'type: "ssd_resnet101_v1_fpn" {text}'
        assert with_old_ssd(text, [RESNET])[1] == ["old_padding"]


def test_pyramids_of_slim_pass_sums_down():
    text = 'type: "ssd_mobilenet_v1_fpn"'
    extractor, fields = with_old_ssd(text, [SMOOTHING])
    assert fields == ["unsmoothed_sums"] and extractor.fpn.unsmoothed_sums
    assert with_old_ssd(text, ["smoothing_1_conv/kernel"], slim=False)[1] == []
    assert with_old_ssd(f"{text} fpn {{ unsmoothed_sums: true }}", [SMOOTHING])[1] == []
    parts = "backbone { mobilenet_v1 {} } neck { fpn { depth: 8 } }"
    extractor, fields = with_old_ssd(parts, [SMOOTHING])
    assert fields == ["unsmoothed_sums"] and extractor.neck.fpn.unsmoothed_sums


def with_old(text, names):
    """(FasterRcnn message that is made, fields that were set in it)."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(text, config.model.faster_rcnn)
    arrays = {name: np.zeros([1], np.float32) for name in names}
    old = OldWeights("old.ckpt", "checkpoint", False, arrays, {}, 0)
    changed, fields = with_old_network(config, old)
    assert config.model.faster_rcnn == text_format.Parse(
        text, type(_detector(config))()
    )
    return _detector(changed), fields


def _detector(config):
    return config.model.faster_rcnn


def test_predictors_per_level():
    message, fields = with_old(PYRAMID, [*LEVELS, "conv1_conv/kernel"])
    assert fields == ["old_padding", "first_stage_predictors_per_level"]
    assert message.first_stage_predictors_per_level
    assert message.feature_extractor.old_padding


def test_predictors_per_level_of_a_stage_with_a_head_of_its_own():
    message, fields = with_old(PYRAMID + OWN_HEAD % "depth: 64", LEVELS)
    assert fields == ["predictors_per_level"]
    head = message.first_stages[0].box_predictor.region_proposal_predictor
    assert head.predictors_per_level and head.depth == 64
    assert not message.first_stage_predictors_per_level


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (PYRAMID, LEVELS[:1]),
        (PYRAMID, ["BoxPredictor/ConvolutionalBoxHead_1/BoxEncodingPredictor/kernel"]),
        (PYRAMID + " first_stage_predictors_per_level: true", LEVELS),
        (PYRAMID + OWN_HEAD % "predictors_per_level: true", LEVELS),
        (
            PYRAMID + " first_stages { box_predictor { cascade_rpn_predictor {} } }",
            LEVELS,
        ),
    ],
)
def test_nothing_to_set(text, names):
    assert with_old(text, names)[1] == []
