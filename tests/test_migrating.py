"""docs/migrating.md: its tables, and the decisions that no part's own test holds."""

import ast
import contextlib
import importlib
import pathlib
import pkgutil
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_two_stage
from google.protobuf import descriptor_pb2, descriptor_pool, text_format

from od_api import cli, protos
from od_api.augment.normalize_image import NormalizeImage
from od_api.augment.random_downscale_to_target_pixels import (
    RandomDownscaleToTargetPixels,
)
from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import REFUSED_FIELDS, compatibility_notes
from od_api.config_checks.parts import build_parts
from od_api.core import variables
from od_api.core.errors import ConfigError
from od_api.core.registry import build_field
from od_api.core.types import Assignment, Targets
from od_api.data import pipeline
from od_api.data.label_map import LabelMap
from od_api.evaluation import readers
from od_api.evaluation.evaluation import Evaluation
from od_api.exporting.serving import outputs_of
from od_api.losses.weighted_l2 import WeightedL2LocalizationLoss
from od_api.metrics import build_evaluators
from od_api.objectives.multi_task_loss import MultiTaskLoss
from od_api.protos import eval_pb2, input_reader_pb2, pipeline_pb2, train_pb2
from od_api.training import state as training_state

# The verbs' names are functions; these are their modules.
train_module = importlib.import_module("od_api.train")
validation_module = importlib.import_module("od_api.training.validation")
export_module = importlib.import_module("od_api.export")


ROOT = pathlib.Path(__file__).parent.parent


def tables():
    """The rows that name tests, as lists of cells."""
    lines = (ROOT / "docs" / "migrating.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and "::" in line]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_trap_has_its_row():
    numbers = [int(row[0]) for row in tables() if row[0].isdigit()]
    assert sorted(set(numbers)) == list(range(1, 30))


@pytest.mark.parametrize("row", tables(), ids=lambda row: row[1][:30])
def test_every_row_names_tests_that_exist(row):
    assert len(row) == 6 and all(row), row
    tests = re.findall(r"`([^`]+)`", row[-1])
    assert tests
    for test in tests:
        path, name = test.split("::")
        tree = ast.parse((ROOT / "tests" / path).read_text())
        names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        assert name.startswith("test_") and name in names, test


def test_every_refused_field_is_in_the_page():
    page = (ROOT / "docs" / "migrating.md").read_text()
    fields = [field for table in REFUSED_FIELDS.values() for field in table]
    assert not [field for field in fields if f"`{field}`" not in page]


@pytest.fixture(scope="module")
def config():
    """The tiny config with the optimizer's defaults, on no data."""
    text = tiny.CONFIG.replace("use_moving_average: false", "")
    return text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig())


@pytest.fixture(scope="module")
def detector(config):
    return build_field(config, "model")


def test_evaluation_and_export_use_the_averages_by_default(config, detector, tmp_path):
    """The config says nothing of averages: the checkpoint's are 3, its weights 2."""
    named = variables.named_variables(detector.parts)
    twos = {n: tf.fill(v.shape, tf.cast(2, v.dtype)) for n, v in named.items()}
    trained = variables.trainable_variables(detector.parts)
    Checkpoints(
        tmp_path,
        step=tf.Variable(7, dtype=tf.int64),
        model={n: tf.Variable(v) for n, v in twos.items()},
        ema={n: tf.Variable(twos[n] + 1) for n in trained},
    ).save()
    assert export_module.detector_for_inference is detector_for_inference
    restored, restore = detector_for_inference(config)
    assert restore(str(tmp_path / "ckpt-7")) == 7
    values = variables.named_variables(restored.parts)
    name = next(iter(trained))
    np.testing.assert_array_equal(values[name], twos[name] + 1)


def test_training_evaluates_the_averages(config, tmp_path, monkeypatch):
    inside = []

    class State:
        step, evaluated = 0, None

        @contextlib.contextmanager
        def averaged_weights(self):
            inside.append("averages")
            yield
            inside.append("weights")

        def save(self):
            inside.append("best")

    class Evaluation:
        def __init__(self, *_):
            self.metric_names = ["DetectionBoxes_Precision/mAP"]

        def run(self, step):
            inside.append("evaluated")
            return {"DetectionBoxes_Precision/mAP": 0.5}

    monkeypatch.setattr(validation_module, "Evaluation", Evaluation)
    validation_module.Validation(config, State(), tmp_path, True).run(2)
    assert inside == ["averages", "evaluated", "weights", "best"]


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ("", "classification"),
        ("fine_tune_checkpoint_type: ''", "classification"),
        ("from_detection_checkpoint: true", "detection"),
        ("from_detection_checkpoint: true fine_tune_checkpoint_type: 'full'", "full"),
        ("fine_tune_checkpoint_version: V1", "classification"),
    ],
)
def test_what_an_empty_fine_tune_checkpoint_type_means(settings, kind, monkeypatch):
    asked = []
    monkeypatch.setattr(
        training_state, "restore_partial", lambda *a, **_: asked.append(a[2])
    )
    state = SimpleNamespace(
        _checkpoints=SimpleNamespace(restore_full=lambda: None),
        _optimizer=SimpleNamespace(ema=None),
        detector=SimpleNamespace(load_weights=None, parts={}),
    )
    message = text_format.Parse(
        f"fine_tune_checkpoint: 'x' {settings}", train_pb2.TrainConfig()
    )
    training_state.TrainingState._restore(state, message, {})
    assert asked == [kind]


@pytest.mark.parametrize("flag", ["--ssd_max_detections=5", "--max_detections=5"])
def test_flags_of_the_tflite_export_are_named(flag, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["export", "a.config", "ckpt-1", "out", flag])
    assert end.value.code == 2
    assert f"unrecognized arguments: {flag}" in capsys.readouterr().err


def schema_files():
    """The descriptors of the old API's 34 files."""
    new = {
        "batch_scheme_pb2",
        "ignore_rule_pb2",
        "inference_pb2",
        "backbone_pb2",
        "classifier_pb2",
        "grouping_pb2",
        "keypoints_pb2",
        "column_pb2",
        "fcos_assigner_pb2",
        "ltrb_box_coder_pb2",
        "mask_supervision_pb2",
        "neck_pb2",
        "prediction_log_pb2",
        "objective_pb2",
        "point_generator_pb2",
        "region_network_pb2",
        "region_operator_pb2",
        "sampler_pb2",
        "study_pb2",
        "suppression_pb2",
    }
    names = {m.name for m in pkgutil.iter_modules(protos.__path__)} - new
    return [
        importlib.import_module(f"od_api.protos.{name}").DESCRIPTOR for name in names
    ]


def all_messages(files):
    found = [m for file in files for m in file.message_types_by_name.values()]
    for message in found:
        found += [n for n in message.nested_types if not n.GetOptions().map_entry]
    return found


def only_in_new_fields(messages):
    """Full names of the messages that fields from 1000 on alone speak of."""
    fields = [f for m in messages for f in m.fields if f.message_type]
    ours = set()
    while True:
        new = [
            f for f in fields if f.number >= 1000 or f.containing_type.full_name in ours
        ]
        old = {f.message_type.full_name for f in fields if f not in new}
        found = {f.message_type.full_name for f in new} - old
        if found == ours:
            return ours
        ours = found


def test_every_field_of_the_old_schema_is_there():
    """34 files with 161 messages and 840 fields; what is ours counts from 1000 on."""
    files = schema_files()
    ours = only_in_new_fields(all_messages(files))
    messages = [m for m in all_messages(files) if m.full_name not in ours]
    fields = [f for m in messages for f in m.fields if f.number < 1000]
    assert (len(files), len(messages), len(fields)) == (34, 161, 840)
    assert all(f.has_presence or f.is_repeated for f in fields)


def test_old_wheel_and_od_api_share_a_process():
    """A message of the old name with other content joins the same descriptor pool."""
    for file in schema_files():
        assert file.package == "od_api.protos"
        assert file.name.startswith("od_api/protos/")
    old = descriptor_pb2.FileDescriptorProto(
        name="object_detection/protos/ssd.proto", package="object_detection.protos"
    )
    old.message_type.add(name="Ssd").field.add(
        name="something_else", number=1, type=9, label=1
    )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(old.SerializeToString())
    assert pool.FindMessageTypeByName("object_detection.protos.Ssd")
    assert pool.FindMessageTypeByName("od_api.protos.Ssd").fields_by_name["loss"]


def test_variables_are_called_by_part_and_layer(detector):
    """`head/.../kernel`, whatever the attributes of the Python objects are called."""
    names = variables.named_variables(detector.parts)
    assert {n.split("/")[0] for n in names} == {"backbone", "neck", "head"}
    assert all(re.fullmatch(r"[a-z]+(/\w+)+", n) for n in names)
    assert "head/convolutional_box_predictor/class_C4/conv/kernel" in names


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("freeze_variables", '"a"', "takes effect"),
        ("update_trainable_variables", '"a"', "takes effect"),
        ("bias_grad_multiplier", "2", "takes effect"),
        ("replicas_to_aggregate", "8", "has no effect"),
        ("keep_checkpoint_every_n_hours", "1", "has no effect"),
    ],
)
def test_fields_that_the_old_trainer_passed_over(field, value, says):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Merge(f"train_config {{ {field}: {value} }}", config)
    (note,) = compatibility_notes(config)
    assert note.startswith(f"train_config.{field} {says}: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("eval_interval_secs", "60"), ("max_evals", "3"), ("num_examples", "10")],
)
def test_evaluation_fields_that_steer_nothing(field, value):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Merge(f"eval_config {{ {field}: {value} }}", config)
    assert compatibility_notes(config)[0].startswith(f"eval_config.{field} has no")


def test_detectors_of_later_versions_are_named():
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config.model.center_net.num_classes = 3
    with pytest.raises(ConfigError, match="no implementation of it yet") as caught:
        build_parts(config)
    assert caught.value.field_path == "model.center_net"


@pytest.mark.parametrize("name", ["rfcn_box_predictor", "mask_rcnn_box_predictor"])
def test_ssd_refuses_predictors_of_regions(name, config):
    changed = pipeline_pb2.TrainEvalPipelineConfig()
    changed.CopyFrom(config)
    getattr(changed.model.ssd.box_predictor, name).SetInParent()
    with pytest.raises(ConfigError, match="for the regions of") as caught:
        build_parts(changed)
    assert caught.value.field_path == f"model.ssd.box_predictor.{name}"


@pytest.mark.parametrize(
    ("model", "name", "says"),
    [
        ("faster_rcnn", "convolutional_box_predictor", "for the anchors of"),
        ("faster_rcnn", "weight_shared_convolutional_box_predictor", "mask_rcnn_box"),
        ("faster_rcnn_fpn", "rfcn_box_predictor", "works on one map"),
    ],
)
def test_two_stage_detectors_refuse_predictors_that_do_not_fit(model, name, says):
    config = two_stage(model)
    predictor = config.model.faster_rcnn.second_stage_box_predictor
    getattr(predictor, name).SetInParent()
    with pytest.raises(ConfigError, match=says) as caught:
        build_parts(config)
    path = f"model.faster_rcnn.second_stage_box_predictor.{name}"
    assert caught.value.field_path == path


def two_stage(name, edit=""):
    """The config of a small two-stage model, fields merged into its detector."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS[name], config)
    text_format.Merge(edit, config.model.faster_rcnn)
    return config


@pytest.mark.parametrize(
    ("edit", "first", "second", "scales"),
    [
        ("", (0.7, 0.3, True), (0.5, 0.5, False), [10, 10, 5, 5]),
        (
            "first_stage_matcher { argmax_matcher { matched_threshold: 0.6 } } "
            "second_stage_matcher { argmax_matcher { unmatched_threshold: 0.25 } } "
            "box_coder { faster_rcnn_box_coder { y_scale: 1 } }",
            (0.6, 0.5, False),
            (0.5, 0.25, False),
            [1, 10, 5, 5],
        ),
    ],
)
def test_constants_of_faster_rcnn_are_defaults_of_fields(edit, first, second, scales):
    """The old API had 0.7, 0.3, 0.5 and 10, 10, 5, 5 in its code."""
    detector = build_field(two_stage("faster_rcnn", edit), "model")
    stages = (detector.first_stages[0], detector.region_stages[0])
    for expected, stage in zip((first, second), stages, strict=True):
        matcher = stage.objective.assigner
        thresholds = (matcher.matched_threshold, matcher.unmatched_threshold)
        assert thresholds == pytest.approx(expected[:2])
        assert matcher.force_match_for_each_row == expected[2]
        assert stage.box_coder.scales == scales
        assert stage.objective.loss.box_coder.scales == scales


def test_second_stage_classification_loss_is_what_the_config_says():
    edit = "second_stage_classification_loss { weighted_sigmoid_focal {} }"
    detector = build_field(two_stage("faster_rcnn", edit), "model")
    loss = type(detector.region_stages[0].objective.loss.classification_loss).__name__
    assert loss == "SigmoidFocalClassificationLoss"


@pytest.mark.parametrize("set_to", ["", "pad_to_multiple: 1", "pad_to_multiple: 48"])
def test_pad_to_multiple_pads_the_input_of_a_pyramid_alone(set_to):
    """The default is 32."""
    edit = f"feature_extractor {{ {set_to} }}"
    detector = build_field(two_stage("faster_rcnn_fpn", edit), "model")
    expected = int(set_to.partition(": ")[2] or 32)
    assert detector.pad_to_multiple == expected
    edit = f"number_of_stages: 1 {edit}"
    detector = build_field(two_stage("rpn", edit), "model")
    assert detector.pad_to_multiple == 1


def test_export_of_proposals_alone():
    """One class, and the raw boxes are those of all anchors: 3 at each of 8 x 8."""
    detector = build_field(two_stage("rpn"), "model")
    outputs = outputs_of(detector, tf.zeros([1, 128, 128, 3]), tf.constant([[128] * 2]))
    assert set(np.unique(outputs["detection_classes"])) == {1}
    assert outputs["detection_boxes"].shape == (1, 32, 4)
    assert outputs["raw_detection_boxes"].shape == (1, 3 * 8 * 8, 4)


def test_empty_metrics_set_heeds_its_options():
    settings = eval_pb2.EvalConfig(include_metrics_per_category=True)
    (evaluator,) = build_evaluators(settings, LabelMap.from_names(["cat", "dog"]))
    truth = {
        "boxes": np.float32([[0, 0, 9, 9]]),
        "classes": np.int32([1]),
        "is_crowd": np.array([False]),
        "difficult": np.array([False]),
        "area": np.float32([81]),
    }
    found = {"boxes": truth["boxes"], "scores": np.float32([0.9])}
    evaluator.add(1, truth, {**found, "classes": truth["classes"]})
    result = evaluator.result()
    assert result["DetectionBoxes_PerformanceByCategory/mAP/dog"] == pytest.approx(1)


def test_every_eval_input_reader_is_evaluated(monkeypatch):
    """The first one's metrics have plain names, the others' that of their reader."""

    def source(config, index):
        name = config.eval_input_reader[index].name
        labels = LabelMap.from_names(["cat"])
        return SimpleNamespace(name=name, label_map=labels, check=lambda: None)

    def measured(self, source, saved):
        found = {"mAP": len(source.name)}
        return SimpleNamespace(source=source, metrics=found, diagnosed=None)

    monkeypatch.setattr(readers, "EvaluationInput", source)
    monkeypatch.setattr(Evaluation, "_measured", measured)
    config = text_format.Parse(
        "eval_input_reader { name: 'day' } eval_input_reader { name: 'night' }",
        pipeline_pb2.TrainEvalPipelineConfig(),
    )
    evaluation = Evaluation(config, None, None)
    assert evaluation.run(1) == {"mAP": 3, "night/mAP": 5}


def test_input_default_reads_tf_examples():
    reader = input_reader_pb2.InputReader(input_type=input_reader_pb2.INPUT_DEFAULT)
    assert pipeline.checked(reader, [], training=True) == reader


def test_pad_to_multiple_resizer_trains(tmp_path):
    data = tiny.make_data(tmp_path, num_images=4)
    resizer = "model.ssd.image_resizer={pad_to_multiple_resizer { multiple: 32 }}"
    settings = [resizer, "train_config.num_steps=1", "train_config.batch_size=2"]
    config = tiny.config_for(tmp_path, data, *settings)
    result = train_module.train(
        config, tmp_path / "model", evaluate_on_the_way=False, record_summaries=False
    )
    assert (result.step, result.reason) == (1, "finished")


def test_default_number_of_pixels_is_the_schemas():
    """A million pixels shrink to 300,000 to 500,000, not to the old 800,000."""
    augment = RandomDownscaleToTargetPixels()
    sample = {"image": tf.zeros([1000, 1000, 3]), "boxes": tf.zeros([0, 4])}
    sizes = [
        int(tf.size(augment(sample, tf.constant([0, i]))["image"])) // 3
        for i in range(4)
    ]
    assert min(sizes) > 298_000 and max(sizes) < 502_000


def test_normalize_image_fills_in_the_schemas_defaults():
    """Only original_maxval is set: 0..255 becomes 0..1."""
    image = tf.constant([[[0.0, 51.0, 255.0]]])
    sample = NormalizeImage(original_maxval=255)({"image": image}, None)
    np.testing.assert_allclose(sample["image"], [[[0, 0.2, 1]]])


def test_anchors_of_weightless_boxes_weigh_nothing():
    """Anchors 0 and 1 are matched to boxes of weight 0 and 1; anchor 2 is negative."""
    assignment = Assignment(
        tf.constant([[0, 1, 0]]), tf.constant([[1, 1, 0]]), tf.zeros([1, 3])
    )
    weights, boxes = tf.constant([[0.0, 1.0]]), tf.ones([1, 2, 4])
    targets = Targets(boxes, tf.zeros([1, 2], tf.int32), weights, None, None)
    loss = MultiTaskLoss(
        num_classes=1,
        box_coder=SimpleNamespace(encode=lambda boxes, anchors: boxes),
        # Every class and every box costs 1 before it is weighted.
        classification_loss=lambda logits, target: tf.ones_like(logits),
        localization_loss=lambda codes, target: tf.ones_like(codes[..., 0]),
        add_background_class=False,
    )
    anchors = tf.ones([3, 4])
    losses = loss(tf.zeros([1, 3, 1]), anchors[None], anchors, assignment, targets)
    np.testing.assert_array_equal(losses.classification, [[0, 1, 1]])
    np.testing.assert_array_equal(losses.localization, [[0, 1, 0]])
    np.testing.assert_array_equal(losses.positive, [[0, 1, 0]])


def test_a_weight_is_a_factor_of_weighted_l2():
    """0.5 * 2^2 * 4 = 8 with weight 1/4 is 2; squared as in the old API it was 1/2."""
    targets = Targets(
        tf.zeros([1, 1, 4]), tf.zeros([1, 1], tf.int32), tf.fill([1, 1], 0.25), 1, 1
    )
    loss = MultiTaskLoss(
        num_classes=1,
        box_coder=SimpleNamespace(encode=lambda boxes, anchors: boxes),
        classification_loss=lambda logits, target: tf.zeros_like(logits),
        localization_loss=WeightedL2LocalizationLoss(),
    )
    assignment = Assignment(tf.zeros([1, 1], tf.int32), tf.ones([1, 1]), None)
    codes, anchors = tf.fill([1, 1, 4], 2.0), tf.ones([1, 4])
    losses = loss(tf.zeros([1, 1, 2]), codes, anchors, assignment, targets)
    np.testing.assert_allclose(losses.localization, [[2.0]])
