"""Values of a run, of readers and of detectors' composition: each in its range."""

import pytest
from google.protobuf import text_format

from od_api.config.compatibility import check_compatibility
from od_api.core import field_ranges
from od_api.core.errors import ConfigError
from od_api.core.field_ranges import range_faults, refuse_ranges
from od_api.core.registry import build
from od_api.protos import (
    classifier_pb2,
    eval_pb2,
    faster_rcnn_pb2,
    fpn_pb2,
    hyperparams_pb2,
    input_reader_pb2,
    keypoints_pb2,
    losses_pb2,
    pipeline_pb2,
    ssd_pb2,
    study_pb2,
    train_pb2,
)

MESSAGES = {
    m.DESCRIPTOR.name: m
    for m in (
        train_pb2.TrainConfig,
        eval_pb2.EvalConfig,
        input_reader_pb2.InputReader,
        input_reader_pb2.ChipScale,
        losses_pb2.Loss,
        ssd_pb2.Ssd,
        ssd_pb2.SsdFeatureExtractor,
        fpn_pb2.FeaturePyramidNetworks,
        faster_rcnn_pb2.FasterRcnn,
        faster_rcnn_pb2.FasterRcnnFeatureExtractor,
        keypoints_pb2.Keypoints,
        classifier_pb2.Classifier,
        study_pb2.StudyBlock,
        study_pb2.SyntheticScenes,
    )
}


def parse(text, message=pipeline_pb2.TrainEvalPipelineConfig):
    return text_format.Parse(text, message())


@pytest.mark.parametrize("name", MESSAGES)
def test_limits_are_of_fields_and_defaults_lie_within(name):
    fields = MESSAGES[name].DESCRIPTOR.fields_by_name
    for field, limit in field_ranges._LIMITS[name].items():
        if fields[field].has_default_value:
            default = fields[field].default_value
            assert limit(field, default) == default


def test_every_limit_is_tested():
    assert set(field_ranges._LIMITS) == set(MESSAGES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("batch_size: 0", "batch_size: is 0; it must be in 1..1000000"),
        ("batch_size: 4294967295", "batch_size: is 4294967295;"),
        ("seed: 4294967296", "seed: is 4294967296; it must be in 0..4294967295"),
        ("gradient_clipping_by_norm: -1", "is -1; it must be at least 0"),
        ("gradient_clipping_by_norm: nan", "is nan; it must be a finite number"),
        ("bias_grad_multiplier: inf", "is inf; it must be a finite number"),
        # No one reads it, and still nobody means it.
        ("keep_checkpoint_every_n_hours: nan", "is nan"),
        ("data_augmentation_options { normalize_image { target_maxval: -inf } }",
         "data_augmentation_options[0].normalize_image.target_maxval: is -inf"),
    ],
)  # fmt: skip
def test_training(text, says):
    with pytest.raises(ConfigError) as error:
        check_compatibility(parse(f"train_config {{ {text} }}"))
    assert str(error.value).startswith("train_config.")
    assert says in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "eval_config { batch_size: 0 }",
        "eval_config { recall_upper_bound: 1.5 }",
        "eval_config { recall_lower_bound: .9 recall_upper_bound: .1 }",
        "eval_config { max_num_boxes_to_visualize: -1 }",
        "model { faster_rcnn { first_stage_nms_score_threshold: 7 } }",
        "eval_config { early_stopping { min_delta: nan } }",
        "eval_input_reader { max_number_of_boxes: 1000000000 }",
        "train_input_reader { shuffle_buffer_size: 4294967295 }",
        "train_input_reader { sample_from_datasets_weights: [1, -1] }",
        "model { ssd { num_classes: 1000000000 } }",
        "model { ssd { negative_class_weight: -1 } }",
        "model { ssd { loss { localization_weight: -1 } } }",
        "model { ssd { feature_extractor { pad_to_multiple: 0 } } }",
        "model { ssd { feature_extractor { num_layers: 2000000000 } } }",
        "model { ssd { feature_extractor { fpn { max_level: 2000000000 } } } }",
        "model { faster_rcnn { first_stage_max_proposals: 1000000000 } }",
        "model { faster_rcnn { first_stage_nms_iou_threshold: 1.5 } }",
        "model { faster_rcnn { second_stage_balance_fraction: -0.5 } }",
        "model { faster_rcnn { second_stage_localization_loss_weight: -1 } }",
        "model { faster_rcnn { initial_crop_size: 1000000000 } }",
        # 0 that is written is no value that is not set.
        "train_input_reader { num_readers: 0 }",
        "train_input_reader { read_block_length: 0 }",
        "train_input_reader { sample_1_of_n_examples: 0 }",
        "train_input_reader { max_image_pixels: 0 }",
    ],
)
def test_the_rest(text):
    with pytest.raises(ConfigError):
        refuse_ranges(parse(text))


def test_every_fault_is_reported_with_its_path():
    config = parse(
        "train_config { batch_size: 0 seed: 4294967296 }"
        "eval_input_reader {} eval_input_reader { num_keypoints: 99999 }"
    )
    assert [fault.field_path for fault in range_faults(config)] == [
        "train_config.batch_size",
        "train_config.seed",
        "eval_input_reader[1].num_keypoints",
    ]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("batch_norm { decay: 2 }", "batch_norm.decay"),
        ("batch_norm { epsilon: 0 }", "batch_norm.epsilon"),
        ("regularizer { l2_regularizer { weight: -1 } }",
         "regularizer.l2_regularizer.weight"),
        ("initializer { truncated_normal_initializer { stddev: -1 } }",
         "initializer.truncated_normal_initializer.stddev"),
        ("initializer { variance_scaling_initializer { factor: 0 } }",
         "initializer.variance_scaling_initializer.factor"),
        ("initializer { random_normal_initializer { mean: nan } }",
         "initializer.random_normal_initializer.mean"),
    ],
)  # fmt: skip
def test_settings_of_convolutions(text, path):
    with pytest.raises(ConfigError) as error:
        build(parse(text, hyperparams_pb2.Hyperparams))
    assert error.value.field_path == path
