"""Every field of the pipeline's own messages is used, refused or without effect.

A field that is added to one of them must be put into one of the three lists.
"""

import pathlib
import re

import pytest
import tiny
import tiny_two_stage
from google.protobuf import text_format

from od_api.config import compatibility
from od_api.config.compatibility import (
    IGNORED_FIELDS,
    NOW_EFFECTIVE,
    REFUSED_FIELDS,
    check_compatibility,
    compatibility_notes,
    refuse_uncompilable,
    refuse_unsupported,
)
from od_api.config.loading import load_config
from od_api.config_check import build_parts, check_config
from od_api.core.errors import ConfigError
from od_api.core.registry import build, ignored_fields
from od_api.data import inputs, pipeline
from od_api.protos import (
    eval_pb2,
    faster_rcnn_pb2,
    hyperparams_pb2,
    input_reader_pb2,
    losses_pb2,
    optimizer_pb2,
    pipeline_pb2,
    ssd_pb2,
    train_pb2,
)
from od_api.train import train

PACKAGE = pathlib.Path(compatibility.__file__).parent.parent

MESSAGES = {
    m.DESCRIPTOR.name: m
    for m in (
        pipeline_pb2.TrainEvalPipelineConfig,
        train_pb2.TrainConfig,
        eval_pb2.EvalConfig,
        input_reader_pb2.InputReader,
        ssd_pb2.Ssd,
        ssd_pb2.SsdFeatureExtractor,
        losses_pb2.Loss,
        faster_rcnn_pb2.FasterRcnn,
        faster_rcnn_pb2.FasterRcnnFeatureExtractor,
        optimizer_pb2.Optimizer,
    )
}

# {message: {file that reads them: fields}}.
USED = {
    "TrainEvalPipelineConfig": {
        "config/loading.py": "base",
        "train.py": "train_config eval_config",
        "training/validation.py": "eval_input_reader",
        "data/inputs.py": "model train_input_reader",
    },
    "TrainConfig": {
        "training/state.py": """optimizer gradient_clipping_by_norm
            fine_tune_checkpoint from_detection_checkpoint bias_grad_multiplier
            freeze_variables add_regularization_loss fine_tune_checkpoint_type
            update_trainable_variables max_checkpoints_to_keep seed precision
            jit_compile""",
        "train.py": """num_steps checkpoint_every_n_steps log_every_n_steps
            stall_warning_seconds""",
        "data/inputs.py": "batch_size data_augmentation_options",
        "training/strategies.py": "sync_replicas cluster_start_seconds",
        "training/asynchronous.py": "startup_delay_steps worker_silence_seconds",
    },
    "EvalConfig": {
        "evaluate.py": """num_visualizations min_score_threshold
            max_num_boxes_to_visualize""",
        "train.py": "eval_every_n_steps",
        "training/history.py": "best_metric early_stopping",
        "data/inputs.py": "batch_size",
        "metrics/metrics_sets.py": "metrics_set recall_lower_bound recall_upper_bound",
        "metrics/coco.py": """include_metrics_per_category super_categories
            all_metrics_per_category use_fast_coco_eval""",
    },
    "InputReader": {
        "data/check.py": "drop_unknown_classes",
        "data/inputs.py": "tf_record_input_reader label_map_path name",
        "data/order.py": """shuffle num_epochs num_readers shuffle_buffer_size
            read_block_length sample_1_of_n_examples sample_from_datasets_weights""",
        "data/pipeline.py": "mask_type drop_remainder max_number_of_boxes",
        "data/tf_example.py": """load_instance_masks num_keypoints
            load_multiclass_scores max_image_pixels""",
    },
    "Ssd": {
        "detectors/ssd.py": """num_classes image_resizer feature_extractor box_coder
            box_predictor anchor_generator post_processing freeze_batchnorm
            add_background_class objective""",
        "detectors/objective_field.py": "columns",
        "old_api/ssd_objective.py": """matcher similarity_calculator loss
            normalize_loss_by_num_matches encode_background_as_zeros
            negative_class_weight normalize_loc_loss_by_codesize""",
    },
    "SsdFeatureExtractor": {
        "detectors/ssd.py": "pad_to_multiple",
        "old_api/feature_extractor_aliases.py": "type conv_hyperparams backbone neck",
        "old_api/ssd_extractor_types.py": """fpn depth_multiplier min_depth
            use_explicit_padding use_depthwise num_layers
            override_base_feature_extractor_hyperparams""",
    },
    "Loss": {
        "old_api/ssd_objective.py": """localization_loss classification_loss
            hard_example_miner classification_weight localization_weight
            random_example_sampler""",
    },
    "FasterRcnn": {
        "detectors/faster_rcnn_parts.py": """number_of_stages num_classes
            image_resizer feature_extractor first_stage_anchor_generator
            initial_crop_size maxpool_kernel_size maxpool_stride
            second_stage_box_predictor second_stage_post_processing
            second_stage_mask_prediction_loss_weight use_matmul_crop_and_resize
            clip_anchors_to_image box_coder add_ground_truth_to_proposals
            first_stage_objective second_stage_objective first_stages
            region_stages""",
        "old_api/two_stage_messages.py": """first_stage_atrous_rate
            first_stage_box_predictor_conv_hyperparams
            first_stage_box_predictor_kernel_size first_stage_box_predictor_depth
            first_stage_minibatch_size first_stage_positive_balance_fraction
            first_stage_nms_score_threshold first_stage_nms_iou_threshold
            first_stage_max_proposals first_stage_localization_loss_weight
            first_stage_objectness_loss_weight second_stage_batch_size
            second_stage_balance_fraction second_stage_localization_loss_weight
            second_stage_classification_loss_weight hard_example_miner
            second_stage_classification_loss use_static_shapes first_stage_matcher
            second_stage_matcher first_stage_localization_loss
            second_stage_localization_loss""",
    },
    "FasterRcnnFeatureExtractor": {
        "old_api/two_stage_extractors.py": """type first_stage_features_stride
            batch_norm_trainable conv_hyperparams fpn backbone neck
            override_base_feature_extractor_hyperparams""",
        # For a pyramid alone; a network of one map takes every size.
        "detectors/faster_rcnn_parts.py": "pad_to_multiple",
    },
    "Optimizer": {
        "optim/optimizer.py": "use_moving_average moving_average_decay",
        # By WhichOneof, whatever member is set.
        "optim/rms_prop_optimizer.py": "rms_prop_optimizer",
        "optim/momentum_optimizer.py": "momentum_optimizer",
        "optim/adam_optimizer.py": "adam_optimizer",
        "optim/adamw_optimizer.py": "adamw_optimizer",
    },
}

# {message: {field: text that must be refused}}, refused where the part is built or the
# records are read; those of REFUSED_FIELDS come on top.
REFUSED_BY_PARTS = {
    "Ssd": {
        "use_confidences_as_targets": "use_confidences_as_targets: true",
        "explicit_background_class": "explicit_background_class: true",
    },
    "Loss": {
        "expected_loss_weights": "expected_loss_weights: EXPECTED_SAMPLING",
        "equalization_loss": "equalization_loss { weight: 1 }",
    },
    "SsdFeatureExtractor": {"bifpn": "bifpn {}"},
    "FasterRcnn": {
        "context_config": "context_config {}",
        "output_final_box_features": "output_final_box_features: true",
        "output_final_box_rpn_features": "output_final_box_rpn_features: true",
    },
    "InputReader": {
        "external_input_reader": "external_input_reader {}",
        "input_type": "input_type: TF_SEQUENCE_EXAMPLE",
        "num_additional_channels": "num_additional_channels: 1",
        **{
            field: f"{field}: true"
            for field in (
                "load_context_features",
                "expand_labels_hierarchy",
                "load_dense_pose",
                "load_track_id",
                "load_context_image_ids",
                "load_keypoint_depth_features",
                "use_keypoint_label_map",
            )
        },
    },
}


def used(message):
    return [f for fields in USED[message].values() for f in fields.split()]


def refused(message):
    return [*REFUSED_FIELDS.get(message, {}), *REFUSED_BY_PARTS.get(message, {})]


def ignored(message):
    by_parts = ignored_fields(f"od_api.protos.{message}")
    return [*IGNORED_FIELDS.get(message, {}), *by_parts]


@pytest.mark.parametrize("message", MESSAGES)
def test_every_field_is_in_exactly_one_list(message):
    classified = used(message) + refused(message) + ignored(message)
    assert sorted(classified) == sorted(MESSAGES[message].DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("message", MESSAGES)
def test_used_fields_are_read_where_the_list_says(message):
    for file, fields in USED[message].items():
        source = (PACKAGE / file).read_text()
        for field in fields.split():
            if message == "Optimizer" and field.endswith("_optimizer"):
                name = MESSAGES[message].DESCRIPTOR.fields_by_name[field].message_type
                assert f"@register(optimizer_pb2.{name.name})" in source, field
            else:
                assert re.search(rf"\.{field}\b|\"{field}\"", source), (file, field)


@pytest.mark.parametrize("message", MESSAGES)
def test_ignored_fields_are_read_nowhere(message):
    """Outside the lists themselves, no `.field` of a field with a name of its own."""
    sources = {
        p: p.read_text()
        for p in PACKAGE.rglob("*.py")
        if "protos" not in p.parts and p.name != "compatibility.py"
    }
    elsewhere = {
        f
        for other, cls in MESSAGES.items()
        for f in cls.DESCRIPTOR.fields_by_name
        if other != message and f not in ignored(other)
    }
    for field in set(ignored(message)) - elsewhere:
        readers = [p for p, s in sources.items() if re.search(rf"\.{field}\b", s)]
        assert not readers, field


@pytest.mark.parametrize("table", [IGNORED_FIELDS, REFUSED_FIELDS])
def test_lists_name_fields_that_exist_and_say_why(table):
    for message, reasons in table.items():
        for field, reason in reasons.items():
            assert field in MESSAGES[message].DESCRIPTOR.fields_by_name
            assert len(reason) > 10


def test_newly_effective_fields_exist():
    messages = {
        **MESSAGES,
        "Hyperparams": hyperparams_pb2.Hyperparams,
        "BatchNorm": hyperparams_pb2.BatchNorm,
    }
    for message, fields in NOW_EFFECTIVE.items():
        assert set(fields) <= set(messages[message].DESCRIPTOR.fields_by_name)


def tiny_with(field, text):
    """The tiny config with `text` merged into its member `field`."""
    config = text_format.Parse(tiny.CONFIG, pipeline_pb2.TrainEvalPipelineConfig())
    part = config
    for step in field.split("."):
        part = getattr(part, step)
    part = part[0] if field == "eval_input_reader" else part
    text_format.Merge(text, part)
    return config


REFUSED_TEXTS = {
    "merge_multiple_label_boxes": ("train_config", "{}: true"),
    "use_multiclass_scores": ("train_config", "{}: true"),
    "force_no_resize": ("eval_config", "{}: true"),
    "skip_predictions_for_unlabeled_class": ("eval_config", "{}: true"),
    "parameterized_metric": (
        "eval_config",
        "{} {{ coco_keypoint_metrics {{ class_label: 'person' }} }}",
    ),
}


@pytest.mark.parametrize("field", [f for t in REFUSED_FIELDS.values() for f in t])
def test_refused_field_names_itself(field):
    part, text = REFUSED_TEXTS[field]
    with pytest.raises(ConfigError, match="remove the field") as caught:
        check_compatibility(tiny_with(part, text.format(field)))
    assert caught.value.field_path.split("[")[0] == f"{part}.{field}"


@pytest.mark.parametrize("field", [f for t in REFUSED_FIELDS.values() for f in t])
def test_refused_field_at_its_default_says_nothing(field):
    part, text = REFUSED_TEXTS[field]
    default = text.format(field) if "true" not in text else f"{field}: false"
    config = tiny_with(part, default)
    if "true" not in text:
        # A message: its default is not to be there.
        getattr(config, part).ClearField(field)
    assert refuse_unsupported(config) is None
    assert compatibility_notes(config) == compatibility_notes(tiny_with(part, ""))


@pytest.mark.parametrize("message", ["Ssd", "Loss", "SsdFeatureExtractor"])
def test_parts_refuse_by_name(message):
    part = {
        "Ssd": "model.ssd",
        "Loss": "model.ssd.loss",
        "SsdFeatureExtractor": "model.ssd.feature_extractor",
    }[message]
    for field, text in REFUSED_BY_PARTS[message].items():
        with pytest.raises(ConfigError) as caught:
            build_parts(tiny_with(part, text))
        assert field in caught.value.field_path


@pytest.mark.parametrize("field", REFUSED_BY_PARTS["FasterRcnn"])
def test_two_stage_detector_refuses_by_name(field):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS["faster_rcnn"], config)
    text = REFUSED_BY_PARTS["FasterRcnn"][field]
    text_format.Merge(text, config.model.faster_rcnn)
    with pytest.raises(ConfigError, match="does not offer") as caught:
        build_parts(config)
    assert caught.value.field_path == f"model.faster_rcnn.{field}"


@pytest.mark.parametrize("field", REFUSED_BY_PARTS["InputReader"])
def test_readers_refuse_by_name(field, tmp_path):
    text = REFUSED_BY_PARTS["InputReader"][field]
    config = tiny_with("train_input_reader", text)
    if field == "external_input_reader":
        with pytest.raises(ConfigError, match="name the TFRecords"):
            inputs.TrainingInput(config)
        return
    with pytest.raises(ConfigError) as caught:
        pipeline.checked(config.train_input_reader, [], training=True)
    assert caught.value.field_path == field


STATIC, MATMUL = "use_static_shapes: true", "use_matmul_crop_and_resize: true"


@pytest.mark.parametrize(
    ("model", "settings", "missing"),
    [
        ("faster_rcnn", "", f"{STATIC} and {MATMUL}"),
        ("rfcn", STATIC, MATMUL),
        ("mask_rcnn", MATMUL, STATIC),
        ("rpn", "", STATIC),
        ("rpn", STATIC, None),
        ("faster_rcnn", f"{STATIC} {MATMUL}", None),
    ],
)
def test_jit_compile_needs_the_forms_that_xla_has(model, settings, missing, tmp_path):
    """Said by a check of the config and before training; without jit_compile, never."""
    path = tmp_path / "a.config"
    text = tiny_two_stage.MODELS[model].replace(
        "number_of_stages", f"{settings} number_of_stages"
    )
    path.write_text(f"{text} train_config {{ num_steps: 1 }}")
    refuse_uncompilable(load_config(path))
    config = load_config(path, ["train_config.jit_compile=true"])
    if missing is None:
        refuse_uncompilable(config)
        return
    with pytest.raises(ConfigError, match=f"set {missing} in model.f") as caught:
        train(config, tmp_path / "model")
    assert caught.value.field_path == "train_config.jit_compile"
    path.write_text(f"{text} train_config {{ jit_compile: true }}")
    record = check_config(path)
    assert record["outcome"] == "error" and missing in record["message"]


def test_jit_compile_of_ssd_needs_nothing_but_one_device():
    config = tiny_with("train_config", "jit_compile: true")
    refuse_uncompilable(config)
    with pytest.raises(ConfigError, match="2 train in step"):
        refuse_uncompilable(config, replicas=2)


def test_notes_name_path_and_reason():
    """A field at its default, here use_bfloat16, gets none."""
    config = tiny_with("train_config", "use_bfloat16: false replicas_to_aggregate: 8")
    config.eval_config.max_evals = 10
    config.model.ssd.inplace_batchnorm_update = True
    config.train_config.bias_grad_multiplier = 2
    notes = compatibility_notes(config)
    assert [n.split(" ")[0] for n in notes] == [
        "model.ssd.inplace_batchnorm_update",
        "train_config.replicas_to_aggregate",
        "eval_config.max_evals",
        "train_config.bias_grad_multiplier",
    ]
    assert "has no effect: devices that train in step" in notes[1]
    assert "takes effect" in notes[3]


def test_parts_that_the_old_api_did_not_have_have_no_past():
    config = tiny_with("train_config", "")
    head = config.model.ssd.box_predictor.convolutional_box_predictor
    head.conv_hyperparams.group_norm.SetInParent()
    (note,) = compatibility_notes(config)
    assert "group_norm takes effect" in note
    head = config.model.ssd.box_predictor.fcos_box_predictor
    head.conv_hyperparams.group_norm.SetInParent()
    assert not compatibility_notes(config)


def test_config_check_prints_them(tmp_path):
    text = tiny.CONFIG.replace("num_steps: 4", "num_steps: 4 use_bfloat16: true")
    (tmp_path / "a.config").write_text(text)
    record = check_config(tmp_path / "a.config")
    assert record["outcome"] == "ok", record
    (note,) = record["notes"]
    assert note.startswith("train_config.use_bfloat16 has no effect")
    text = text.replace("use_bfloat16", "use_multiclass_scores")
    (tmp_path / "a.config").write_text(text)
    record = check_config(tmp_path / "a.config")
    line = text[: text.index("use_multiclass_scores")].count("\n") + 1
    assert record["outcome"] == "error"
    assert f"a.config:{line}:16: train_config.use_multiclass" in record["message"]


def test_optimizer_members_build():
    for member in ("rms_prop", "momentum", "adam", "adamw"):
        rate = "learning_rate { constant_learning_rate {} }"
        text = f"{member}_optimizer {{ {rate} }}"
        assert build(text_format.Parse(text, optimizer_pb2.Optimizer()))
