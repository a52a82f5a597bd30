"""`od-api config check` finds without data what training would stumble over."""

import pytest
import tiny

from od_api.config.compatibility import compatibility_notes
from od_api.config.loading import load_config
from od_api.config_check import NAMES, OPEN, check_config, check_configs


@pytest.fixture
def check(tmp_path):
    """The lines of errors after replacing one text of the tiny config by another."""

    def changed(old="", new=""):
        path = tiny.write_config(tmp_path, tmp_path / "data", old, new)
        message = check_config(path, NAMES, rehearse=False)["message"].replace(
            str(path), "c"
        )
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
        ("eval_input_reader {", "eval_input_reader { "
         "label_map_path: 'x' tf_record_input_reader { input_path: 'x' } } "
         "eval_input_reader {",
         "eval_input_reader[1].name: is '' as before"),
        ("train_input_reader {", "train_input_reader { max_number_of_boxes: 0",
         "train_input_reader.max_number_of_boxes: must be at least 1"),
        ("train_input_reader {", "train_input_reader { "
         "sample_from_datasets_weights: [1, 2]",
         "has 2 weights [1.0, 2.0] for 1 input_path"),
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
    refused = "graph_rewriter { quantization { delay: 3 } }"
    lines = check("train_config {", f"{refused} train_config {{ {settings}")
    assert [line.split(": ")[1] for line in lines] == [
        "train_config.gradient_clipping_by_norm",
        "train_config.seed",
        "graph_rewriter",
    ]
    assert lines[0].startswith("c:64:78:")


@pytest.mark.parametrize(
    ("old", "new", "place", "says", "outcome"),
    [
        ("eval_input_reader {", "eval_input_reader { num_additional_channels: 2",
         "81:21", "does not read", "parses_only"),
        ("train_input_reader {", "train_input_reader { load_context_features: true",
         "76:22", "does not read", "parses_only"),
        ("train_input_reader {", "train_input_reader { "
         "input_type: TF_SEQUENCE_EXAMPLE", "76:22", "one a frame", "parses_only"),
        ("eval_config {", 'eval_config { metrics_set: "coco_panoptic_metrics"',
         "80:15", "panoptic", "parses_only"),
        ("num_steps: 4", "num_steps: 0", "66:3", "--num-steps", "invalid"),
        ("train_config {", 'train_config { fine_tune_checkpoint_type: "ful" '
         'fine_tune_checkpoint: "x"', "64:16", "mean full", "invalid"),
        ("train_config {", 'train_config { freeze_variables: "nothing"',
         "64:16", "matches none", "invalid"),
    ],
)  # fmt: skip
def test_what_a_run_refuses_is_refused_by_its_own_words(
    old, new, place, says, outcome, tmp_path
):
    path = tiny.write_config(tmp_path, tmp_path / "data", old, new)
    record = check_config(path, NAMES, rehearse=False)
    assert record["message"].startswith(f"{path}:{place}: "), record
    assert says in record["message"] and record["outcome"] == outcome
    assert bool(record["missing"]) == (outcome == "parses_only")


def test_a_step_is_rehearsed(tmp_path):
    """A coder of keypoints, of which there are none, fails in the first step alone."""
    coder = "keypoint_box_coder { num_keypoints: 2 }"
    path = tiny.write_config(
        tmp_path, tmp_path / "data", "faster_rcnn_box_coder {}", coder
    )
    assert check_config(path, NAMES, rehearse=False)["outcome"] == "builds"
    record = check_config(path, NAMES)
    assert "has 8 numbers a box, and the head predicts 4" in record["message"]


@pytest.mark.parametrize(
    "scheme", ["stitcher {}", "mixup {}", "multi_scale { sizes: [64, 96] }"]
)
def test_batch_schemes_are_rehearsed(scheme, tmp_path):
    """Also those that remember something from step to step."""
    new = f"train_config {{ batch_schemes {{ {scheme} }}"
    path = tiny.write_config(tmp_path, tmp_path / "data", "train_config {", new)
    record = check_config(path, NAMES)
    assert record["outcome"] == "builds", record


def test_files_are_looked_for(tmp_path):
    """Files that the data set lacks, a label map that does not fit, a checkpoint."""
    data = tiny.make_data(tmp_path, num_images=2)
    path = tiny.write_config(tmp_path, data)
    assert check_config(path, rehearse=False)["outcome"] == "builds"
    record = check_config(path, overrides=["model.ssd.num_classes=2"], rehearse=False)
    assert "num_classes is 2: set num_classes to 5" in record["message"]
    lost = ["train_config.fine_tune_checkpoint=nowhere/model.ckpt"]
    record = check_config(path, overrides=lost, rehearse=False)
    assert record["outcome"] == "invalid"
    assert "there is no checkpoint" in record["message"]
    path = tiny.write_config(tmp_path, tmp_path / "elsewhere")
    record = check_config(path, rehearse=False)
    assert record["outcome"] == "invalid" and not record["missing"]
    lines = record["message"].split("\n")
    assert len(lines) == 2 and all("elsewhere/scenes.record" in x for x in lines)


def test_records_are_opened_on_request(tmp_path):
    """They have no masks: neither training nor evaluation can learn or measure them."""
    data = tiny.make_data(tmp_path, num_images=2)
    path = tiny.write_config(tmp_path, data)
    good = {"files": OPEN, "rehearse": False}
    assert check_config(path, **good)["outcome"] == "builds"
    masks = ["train_input_reader.load_instance_masks=true"]
    masks += ["eval_input_reader[0].load_instance_masks=true"]
    message = check_config(path, overrides=masks, **good)["message"]
    assert "train_input_reader" in message and "eval_input_reader[0]" in message


def test_errors_of_every_config_and_line_are_printed(tmp_path, capsys):
    (tmp_path / "a").write_text("train_config { batch_size: 0 seed: 4294967296 }")
    (tmp_path / "b").write_text("train_config = {}")
    assert check_configs([tmp_path / "a", tmp_path / "b", tmp_path / "c"]) == 2
    lines = capsys.readouterr().err.splitlines()
    starts = [f"error: {tmp_path}/{rest}" for rest in ("a:1:16: ", "a:1:30: ")]
    assert lines[0].startswith(starts[0]) and lines[1].startswith(starts[1])
    assert any(line.startswith(f"error: {tmp_path}/b:1:14: `=`") for line in lines)
    assert lines[-1].startswith(f"error: cannot read the config {tmp_path}/c")


def test_evaluation_without_records_is_refused(tmp_path):
    """`od-api eval` refuses both; one that says nothing of evaluation still trains."""
    path = tiny.write_config(tmp_path, tmp_path / "data")
    text = path.read_text()
    path.write_text(text.partition("eval_input_reader")[0])
    record = check_config(path, NAMES, rehearse=False)
    assert record["outcome"] == "invalid"
    assert "eval_input_reader: is empty: nothing to evaluate on" in record["message"]
    path.write_text(text.partition("eval_config")[0])
    record = check_config(path, NAMES, rehearse=False)
    assert record["outcome"] == "builds"
    assert record["notes"] == [
        "there is no eval_input_reader: od-api eval refuses this config"
    ]


@pytest.mark.parametrize(
    "metrics", ["pascal_voc_detection_metrics", "precision_at_recall_detection_metrics"]
)
def test_best_metric_unset_is_one_of_those_measured(check, metrics):
    """The schema's default is COCO's; old configs never set it."""
    assert check("eval_config {", f'eval_config {{ metrics_set: "{metrics}"') == []


def test_what_a_type_does_not_read_is_noted(tmp_path):
    path = tmp_path / "resnet.config"
    path.write_text(
        'model { ssd { num_classes: 1 feature_extractor { type: "ssd_resnet50_v1_fpn" '
        "use_explicit_padding: true } } }"
    )
    notes = compatibility_notes(load_config(path))
    assert notes == [
        "model.ssd.feature_extractor.use_explicit_padding has no effect: "
        "ssd_resnet50_v1_fpn does not read it"
    ]
