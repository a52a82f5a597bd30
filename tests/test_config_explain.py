"""`od-api config explain`: numbers, parts and what has no effect."""

import pytest
import tiny

from od_api import cli
from od_api.config_explain import explain

DEMO = "ssd/ssd_mobilenet_v1_fpn_192x192_demo.config"


@pytest.fixture
def path(tmp_path):
    return tiny.write_config(tmp_path, tmp_path / "data")


def test_numbers_of_the_parts(path):
    """96 px and 4 maps of 6, 3, 2 and 1 cells; 1 + 1 anchors a cell."""
    rule = (
        "train_config.optimizer={momentum_optimizer {learning_rate "
        "{manual_step_learning_rate {initial_learning_rate: 0.5 schedule {step: 10 "
        "learning_rate: 0.25}}}}}"
    )
    overrides = ["train_config.num_steps=20", "train_config.batch_size=3", rule]
    lines = explain(path, overrides).lines
    assert "5 classes; the network's input is 96 x 96 pixels (height x width)." in lines
    anchors = "100 anchors or points; by map, finest first: 72, 18, 8, 2."
    assert anchors in lines
    assert "Training has 20 steps with a batch of 3: 60 images in all." in lines
    rates = "0.5 at 0, 0.5 at 5, 0.25 at 10, 0.25 at 15, 0.25 at 19"
    assert f"The learning rate is {rates}." in lines
    assert "Evaluation measures coco_detection_metrics." in lines


def test_parts_in_words(path):
    text = "\n".join(explain(path).lines)
    assert "  ssd: A single-stage detector." in text
    assert "similarity_calculator.iou_similarity: Intersection over union" in text
    assert "the type stands for:" in text and "backbone.mobilenet_v1: " in text
    assert "force_match_for_each_row yes" in text


def test_what_has_no_effect_and_what_has_one_now(path):
    overrides = [
        "train_config.keep_checkpoint_every_n_hours=3",
        'train_config.freeze_variables="backbone.*"',
        "train_config.from_detection_checkpoint=true",
    ]
    text = "\n".join(explain(path, overrides).lines)
    ignored = text.split("Without effect\n")[1].split("\n\n")[0]
    assert "train_config.keep_checkpoint_every_n_hours: max_checkpoints" in ignored
    deprecated = text.split("Deprecated, and read all the same\n")[1].split("\n\n")[0]
    assert deprecated == "  train_config.from_detection_checkpoint"
    changed = text.split("Otherwise than in the old API")[1]
    assert "train_config.freeze_variables takes effect" in changed


def test_a_size_that_depends_on_the_image(path):
    resizer = "{keep_aspect_ratio_resizer {min_dimension: 64 max_dimension: 128}}"
    lines = explain(path, [f"model.ssd.image_resizer={resizer}"]).lines
    assert any("as large as an image becomes" in line for line in lines)
    assert not any("anchors or points" in line for line in lines)


def test_a_refusal_has_its_place(path):
    path.write_text(path.read_text().replace("num_classes: 5", "num_classes: 0"))
    [refused] = explain(path).refused
    assert "pipeline.config:4:5: model.ssd.num_classes" in refused


def test_of_a_refused_config_the_rest_is_explained(path):
    """All refusals are said, and whatever does not depend on them."""
    overrides = [
        'model.ssd.feature_extractor.type="ssd_spaghetti"',
        "model.ssd.anchor_generator.ssd_anchor_generator.min_scale=2",
        "graph_rewriter.quantization.delay=3",
        "eval_config.force_no_resize=true",
        "eval_config.metrics_set=coco_keypoint_metrics",
        "train_config.num_steps=20",
    ]
    lines, refused = explain(path, overrides)
    for field in (
        "model.ssd.feature_extractor.type",
        "graph_rewriter",
        "eval_config.force_no_resize",
        "eval_config.metrics_set",
    ):
        assert any(field in line for line in refused), (field, refused)
    text = "\n".join(lines)
    assert all(f"  {line}" in lines for line in refused) and "Refused" in lines
    assert "Training has 20 steps" in text
    assert "similarity_calculator.iou_similarity: Intersection over union" in text
    assert "the type stands for" not in text


def test_a_detector_that_is_not_there(tmp_path):
    path = tmp_path / "pipeline.config"
    path.write_text(
        "model { center_net { num_classes: 3 } }\n"
        "train_config { batch_size: 2 num_steps: 7 }\n"
        "eval_config { force_no_resize: true }\n"
    )
    lines, refused = explain(path)
    assert any("center_net" in line for line in refused)
    assert any("force_no_resize" in line for line in refused)
    assert "Training has 7 steps with a batch of 2: 14 images in all." in lines


def test_on_the_command_line(path, capsys):
    assert cli.main(["config", "explain", DEMO]) == 0
    said = capsys.readouterr().out
    assert "1,530 anchors or points; by map, finest first: 1,152, 288, 72, 18." in said
    assert cli.main(["config", "explain", str(path), "--set", "modle.ssd=1"]) == 2
    assert "did you mean model" in capsys.readouterr().err
    refused = "eval_config.force_no_resize=true"
    assert cli.main(["config", "explain", str(path), "--set", refused]) == 2
    said = capsys.readouterr()
    assert "Refused" in said.out and "Evaluation measures" in said.out
    assert "is refused; the reasons stand under Refused" in said.err
