"""`od-api config check` finds without data what training would stumble over."""

import pytest
import tiny

from od_api.config_check import check_config, check_configs


@pytest.fixture
def check(tmp_path):
    """The lines of errors after replacing one text of the tiny config by another."""

    def changed(old="", new=""):
        path = tiny.write_config(tmp_path, tmp_path / "data", old, new)
        message = check_config(path)["message"].replace(str(path), "c")
        return message.split("\n") if message else []

    return changed


def test_the_tiny_config_is_good(check):
    assert check() == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("eval_config {", 'eval_config { best_metric: "DetectionBoxes_Precison/mAP"',
         "did you mean DetectionBoxes_Precision/mAP"),
        ("eval_config {", 'eval_config { metrics_set: "coco_detection_metric"',
         "Did you mean coco_detection_metrics?"),
        ("eval_config {", 'eval_config { metrics_set: "coco_mask_metrics" '
         'best_metric: "DetectionMasks_Precision/mAP"', "masks: is false"),
        ("eval_input_reader {", "eval_input_reader {} eval_input_reader {",
         "eval_input_reader[1].name: is '' as before"),
        ("train_input_reader {", "train_input_reader { max_number_of_boxes: 0",
         "train_input_reader.max_number_of_boxes: must be at least 1"),
        ("train_input_reader {", "train_input_reader { "
         "sample_from_datasets_weights: [1, 2]", "has 2 weights for 1 input_path"),
        ("momentum_optimizer {", "momentum_optimizer { momentum_optimizer_value: 2",
         "momentum_optimizer_value: is 2; it must be in 0..1"),
        ("  num_steps: 4", "  num_steps: 4 data_augmentation_options { "
         "random_jpeg_quality { max_jpeg_quality: 101 } }",
         "data_augmentation_options[0].random_jpeg_quality.max_jpeg_quality: is 101"),
    ],
)  # fmt: skip
def test_what_only_a_run_would_find(check, old, new, says):
    (line,) = check(old, new)
    assert line.startswith("c:")
    assert says in line


@pytest.mark.parametrize(
    "metric",
    ["Loss/total_loss", "DetectionBoxes_Precision/mAP@.75IOU",
     "DetectionBoxes_PerformanceByCategory/mAP/box"],
)  # fmt: skip
def test_metrics_that_may_exist(check, metric):
    settings = f'best_metric: "{metric}" include_metrics_per_category: true'
    assert check("eval_config {", f"eval_config {{ {settings}") == []


def test_all_errors_of_a_config_are_said(check):
    settings = "seed: 4294967296 gradient_clipping_by_norm: nan "
    settings += "use_multiclass_scores: true"
    lines = check("  num_steps: 4", f"  num_steps: 4 {settings}")
    assert [line.split(": ")[1] for line in lines] == [
        "train_config.gradient_clipping_by_norm",
        "train_config.seed",
        "train_config.use_multiclass_scores",
    ]
    assert lines[0].startswith("c:66:33:")


def test_errors_of_every_config_and_line_are_printed(tmp_path, capsys):
    (tmp_path / "a").write_text("train_config { batch_size: 0 seed: 4294967296 }")
    (tmp_path / "b").write_text("train_config = {}")
    assert check_configs([tmp_path / "a", tmp_path / "b", tmp_path / "c"]) == 2
    lines = capsys.readouterr().err.splitlines()
    starts = [f"error: {tmp_path}/{rest}" for rest in ("a:1:16: ", "a:1:30: ")]
    assert lines[0].startswith(starts[0]) and lines[1].startswith(starts[1])
    assert any(line.startswith(f"error: {tmp_path}/b:1:14: `=`") for line in lines)
    assert lines[-1].startswith(f"error: cannot read the config {tmp_path}/c")
