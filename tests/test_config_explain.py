"""`od-api config explain`: numbers, parts and what has no effect."""

import pytest
import tiny

from od_api import cli
from od_api.config_explain import explain
from od_api.core.errors import ConfigError

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
    lines = explain(path, overrides)
    assert "5 classes; the network's input is 96 x 96 pixels (height x width)." in lines
    anchors = "100 anchors or points; by map, finest first: 72, 18, 8, 2."
    assert anchors in lines
    assert "Training has 20 steps with a batch of 3: 60 images in all." in lines
    rates = "0.5 at 0, 0.5 at 5, 0.25 at 10, 0.25 at 15, 0.25 at 19"
    assert f"The learning rate is {rates}." in lines
    assert "Evaluation measures coco_detection_metrics." in lines


def test_parts_in_words(path):
    text = "\n".join(explain(path))
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
    text = "\n".join(explain(path, overrides))
    ignored = text.split("Without effect\n")[1].split("\n\n")[0]
    assert "train_config.keep_checkpoint_every_n_hours: max_checkpoints" in ignored
    deprecated = text.split("Deprecated, and read all the same\n")[1].split("\n\n")[0]
    assert deprecated == "  train_config.from_detection_checkpoint"
    changed = text.split("Otherwise than in the old API")[1]
    assert "train_config.freeze_variables takes effect" in changed


def test_a_size_that_depends_on_the_image(path):
    resizer = "{keep_aspect_ratio_resizer {min_dimension: 64 max_dimension: 128}}"
    lines = explain(path, [f"model.ssd.image_resizer={resizer}"])
    assert any("as large as an image becomes" in line for line in lines)
    assert not any("anchors or points" in line for line in lines)


def test_a_refusal_has_its_place(path):
    path.write_text(path.read_text().replace("num_classes: 5", "num_classes: 0"))
    with pytest.raises(ConfigError, match=r"pipeline\.config:4:5: model"):
        explain(path)


def test_on_the_command_line(path, capsys):
    assert cli.main(["config", "explain", DEMO]) == 0
    said = capsys.readouterr().out
    assert "1,530 anchors or points; by map, finest first: 1,152, 288, 72, 18." in said
    assert cli.main(["config", "explain", str(path), "--set", "modle.ssd=1"]) == 2
    assert "did you mean model" in capsys.readouterr().err
