"""Configs in the spellings that people's own ones have: all of them load."""

import pathlib

import pytest

from od_api.config.compatibility import compatibility_notes
from od_api.config.loading import load_config
from od_api.config_check import NAMES, check_config
from od_api.old_api.two_stage_extractors import typed_parts

FOLDER = pathlib.Path(__file__).parent / "data_configs"


def load(name):
    return load_config(FOLDER / f"{name}.config")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.config")), ids=lambda p: p.stem)
def test_loads_and_survives_being_written(path, tmp_path):
    config = load_config(path)
    (tmp_path / "again.config").write_text(str(config))
    assert load_config(tmp_path / "again.config") == config


def test_tensorflow_1_sample():
    """Retired fields leave, deprecated ones are named, unset ones stay unset."""
    config = load("ssd_tensorflow_1")
    ssd, training = config.model.ssd, config.train_config
    assert ssd.feature_extractor.conv_hyperparams.batch_norm.train
    ratios = ssd.anchor_generator.ssd_anchor_generator.aspect_ratios
    assert list(ratios) == pytest.approx([1, 2, 0.5, 3, 0.3333])
    assert ssd.matcher.argmax_matcher.matched_threshold == 0.5
    assert training.from_detection_checkpoint
    assert training.optimizer.use_moving_average
    assert not training.optimizer.HasField("use_moving_average")
    noted = [note.split(" ")[0] for note in compatibility_notes(config)]
    assert noted == [
        "train_config.batch_queue_capacity",
        "train_config.prefetch_queue_capacity",
        "train_config.load_all_detection_checkpoint_vars",
        "eval_config.num_examples",
        "eval_config.max_evals",
    ]


def test_tensorflow_2_sample():
    config = load("ssd_tensorflow_2_tpu")
    assert list(
        config.model.ssd.anchor_generator.multiscale_anchor_generator.aspect_ratios
    ) == [1, 2, 0.5]
    schedule = config.train_config.optimizer.momentum_optimizer.learning_rate
    assert schedule.cosine_decay_learning_rate.learning_rate_base == pytest.approx(0.08)
    notes = "\n".join(compatibility_notes(config))
    assert "train_config.use_bfloat16 has no effect" in notes
    assert "precision: MIXED_BFLOAT16" in notes
    assert "replicas_to_aggregate has no effect" in notes


def test_separators():
    config = load("separators")
    training = config.train_config
    names = ["FeatureExtractor", "BoxPredictor", "third"]
    assert list(training.freeze_variables) == names
    assert training.gradient_clipping_by_norm == 10
    pad, crop = training.data_augmentation_options
    assert list(pad.random_pad_image.pad_color) == [0.5, 127, 100]
    one, other = crop.ssd_random_crop.operations
    assert one.HasField("min_object_covered") and not other.HasField("min_area")
    reader = config.train_input_reader
    paths = ["first", "second", "third"]
    assert list(reader.tf_record_input_reader.input_path) == paths
    assert reader.label_map_path == 'it\'s a "map"'
    assert [r.name for r in config.eval_input_reader] == ["day", "night"]
    assert [r.shuffle for r in config.eval_input_reader] == [True, False]


def test_numbers():
    config = load("numbers")
    ssd = config.model.ssd
    assert ssd.num_classes == 90
    assert ssd.normalize_loss_by_num_matches and ssd.freeze_batchnorm
    assert ssd.HasField("add_background_class") and not ssd.add_background_class
    assert ssd.loss.classification_weight == 2
    anchors = ssd.anchor_generator.ssd_anchor_generator
    assert anchors.min_scale == pytest.approx(0.04) and anchors.max_scale == 1
    adam = config.train_config.optimizer.adam_optimizer
    assert adam.epsilon == pytest.approx(1e-7)
    manual = adam.learning_rate.manual_step_learning_rate
    assert manual.initial_learning_rate == pytest.approx(4e-4)
    assert [s.step for s in manual.schedule] == [900000, 1200000]


def test_quantized_sample_is_refused_with_the_cure():
    (note,) = compatibility_notes(load("ssd_quantized"))
    assert note.split(" ")[0].endswith("replace_preprocessor_with_placeholder")
    record = check_config(FOLDER / "ssd_quantized.config", NAMES)
    assert "ssd_quantized.config:4:1: graph_rewriter" in record["message"]
    assert "export --format litert --precision int8" in record["message"]


def test_maps():
    config = load("center_net_keypoints")
    (task,) = config.model.center_net.keypoint_estimation_task
    assert dict(task.keypoint_label_to_std) == pytest.approx(
        {"left_ankle": 0.89, "nose": 0.26}
    )
    assert dict(config.eval_config.super_categories) == {"vehicle": "car, bus"}


def test_mask_rcnn_sample():
    """It builds, every field acts, and its `type` means conv4 at stride 8."""
    data = ['label_map_path="x"', "tf_record_input_reader={input_path: 'x'}"]
    data = [f"train_input_reader.{field}" for field in data]
    record = check_config(FOLDER / "faster_rcnn.config", NAMES, data, rehearse=False)
    assert record["outcome"] == "builds", record["message"]
    assert [note[:29] for note in record["notes"]] == [
        "there is no train_config: od-",
        "there is no eval_input_reader",
    ]
    config = load("faster_rcnn")
    backbone, neck = typed_parts(config.model.faster_rcnn.feature_extractor)
    resnet = backbone.resnet
    assert neck is None and resnet.second_stage and resnet.freeze_batch_norm
    assert (resnet.depth, resnet.output_stride) == (101, 8)


def test_what_is_not_in_this_version_is_named_with_its_place(tmp_path):
    path = FOLDER / "center_net_keypoints.config"
    record = check_config(path)
    assert record["outcome"] != "builds"
    for words in ("eval_config.parameterized_metric", "keypoints yet"):
        assert words in record["message"]
    without_metric = tmp_path / path.name
    without_metric.write_text(path.read_text().split("eval_config")[0])
    record = check_config(without_metric)
    assert record["outcome"] != "builds"
    for words in (f"{path.name}:3:3", "model.center_net", "no implementation of it"):
        assert words in record["message"]
