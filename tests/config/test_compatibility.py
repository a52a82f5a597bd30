"""Every field of the pipeline's own messages is used, refused or without effect."""

import pytest
import tiny
import tiny_two_stage
from field_lists import MESSAGES, TEXTS_REFUSED_BY_PARTS, ignored, refused, used
from google.protobuf import text_format

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
from od_api.config.refused_by_parts import REFUSED_BY_PARTS
from od_api.config_check import NAMES, check_config
from od_api.config_checks.parts import build_parts
from od_api.core.errors import ConfigError
from od_api.data import inputs, pipeline
from od_api.protos import (
    hyperparams_pb2,
    pipeline_pb2,
)
from od_api.train import train


@pytest.mark.parametrize("message", MESSAGES)
def test_every_field_is_in_exactly_one_list(message):
    classified = used(message) + refused(message) + ignored(message)
    assert sorted(classified) == sorted(MESSAGES[message].DESCRIPTOR.fields_by_name)


def test_every_field_that_parts_refuse_is_tried():
    assert {m: set(t) for m, t in TEXTS_REFUSED_BY_PARTS.items()} == {
        message: set(fields) for message, fields in REFUSED_BY_PARTS.items()
    }


@pytest.mark.parametrize("table", [IGNORED_FIELDS, REFUSED_FIELDS, REFUSED_BY_PARTS])
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
    for step in filter(None, field.split(".")):
        part = getattr(part, step)
    part = part[0] if field == "eval_input_reader" else part
    text_format.Merge(text, part)
    return config


REFUSED_TEXTS = {
    "graph_rewriter": ("", "{} {{ quantization {{ delay: 3 }} }}"),
    "force_no_resize": ("eval_config", "{}: true"),
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
    assert caught.value.field_path.split("[")[0] == f"{part}.{field}".lstrip(".")


@pytest.mark.parametrize("field", [f for t in REFUSED_FIELDS.values() for f in t])
def test_refused_field_at_its_default_says_nothing(field):
    part, text = REFUSED_TEXTS[field]
    default = text.format(field) if "true" not in text else f"{field}: false"
    config = tiny_with(part, default)
    if "true" not in text:
        # A message: its default is not to be there.
        (getattr(config, part) if part else config).ClearField(field)
    assert refuse_unsupported(config) is None
    assert compatibility_notes(config) == compatibility_notes(tiny_with(part, ""))


@pytest.mark.parametrize("message", ["Ssd", "Loss"])
def test_parts_refuse_by_name(message):
    part = {"Ssd": "model.ssd", "Loss": "model.ssd.loss"}[message]
    for field, text in TEXTS_REFUSED_BY_PARTS[message].items():
        with pytest.raises(ConfigError) as caught:
            build_parts(tiny_with(part, text))
        assert field in caught.value.field_path


@pytest.mark.parametrize("field", TEXTS_REFUSED_BY_PARTS["FasterRcnn"])
def test_two_stage_detector_refuses_by_name(field):
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(tiny_two_stage.MODELS["faster_rcnn"], config)
    text = TEXTS_REFUSED_BY_PARTS["FasterRcnn"][field]
    text_format.Merge(text, config.model.faster_rcnn)
    with pytest.raises(ConfigError, match="does not offer") as caught:
        build_parts(config)
    assert caught.value.field_path == f"model.faster_rcnn.{field}"


@pytest.mark.parametrize("field", TEXTS_REFUSED_BY_PARTS["InputReader"])
def test_readers_refuse_by_name(field, tmp_path):
    text = TEXTS_REFUSED_BY_PARTS["InputReader"][field]
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
        ("faster_rcnn", f"{STATIC} region_operator {{ roi_align {{}} }}", None),
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
    record = check_config(path, NAMES, rehearse=False)
    assert record["outcome"] == "invalid" and missing in record["message"]


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
    record = check_config(tmp_path / "a.config", NAMES, rehearse=False)
    assert record["outcome"] == "builds", record
    (note,) = record["notes"]
    assert note.startswith("train_config.use_bfloat16 has no effect")
    text = text.replace("use_bfloat16: true", "")
    text = text.replace("eval_config {", "eval_config { force_no_resize: true")
    (tmp_path / "a.config").write_text(text)
    record = check_config(tmp_path / "a.config", NAMES, rehearse=False)
    line = text[: text.index("force_no_resize")].count("\n") + 1
    assert record["outcome"] == "parses_only"
    assert record["missing"] == ["eval_config.force_no_resize"]
    assert f"a.config:{line}:15: eval_config.force_no_resize" in record["message"]
