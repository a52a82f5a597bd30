"""What a person reads after a mistake: one message, exit status 2, no traceback.

Each row damages one thing of a set-up that works and names what the message must say.
"""

import errno
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny
from PIL import Image

from od_api import cli
from od_api.checkpoints import checkpoint_files


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("bad_inputs"))


@pytest.fixture
def own_data(data, tmp_path):
    """A copy that a test may damage."""
    return pathlib.Path(shutil.copytree(data, tmp_path / "data"))


def run(capsys, *arguments):
    """(exit status, standard error) of one `od-api` command line."""
    status = cli.main([str(a) for a in arguments])
    return status, capsys.readouterr().err


def refuses(capsys, *arguments, says):
    status, message = run(capsys, *arguments)
    assert status == 2, message
    assert "Traceback" not in message
    assert "error: " in message
    for words in says:
        assert words in message
    return message


def rewrite(records, change):
    """Rewrites every tf.Example of a folder's records through `change(features)`."""
    for path in records.glob("scenes.record-*"):
        raw = [r.numpy() for r in tf.data.TFRecordDataset(str(path))]
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in raw:
                example = tf.train.Example.FromString(record)
                change(example.features.feature)
                writer.write(example.SerializeToString())


CONFIG_ROWS = {
    "typo in a field": (
        "num_classes: 5",
        "num_clases: 5",
        ["pipeline.config:4:5", "Ssd has no field num_clases", "num_classes?"],
    ),
    "missing brace": (
        "image_resizer { fixed_shape_resizer { height: 96 width: 96 } }",
        "image_resizer { fixed_shape_resizer { height: 96 width: 96 }",
        ["`feature_extractor` belongs to Ssd", "opened at line 5", "not closed"],
    ),
    "one brace too many": (
        "num_visualizations: 2 }",
        "num_visualizations: 2 } }",
        ["`}` closes a brace that was never opened"],
    ),
    "wrong enum": (
        "score_converter: SIGMOID",
        "score_converter: SIGMOYD",
        ["ScoreConverter has no value SIGMOYD", "did you mean SIGMOID?"],
    ),
    "text where a number belongs": (
        "batch_size: 4\n  num_steps",
        "batch_size: four\n  num_steps",
        ["pipeline.config:", "four"],
    ),
    "unknown feature extractor": (
        '"ssd_mobilenet_v1"',
        '"ssd_mobilnet_v1"',
        ["feature_extractor.type", "ssd_mobilenet_v1"],
    ),
    "a part that does not exist yet": (
        "eval_config {",
        'eval_config { metrics_set: "coco_keypoint_metrics"',
        ["coco_keypoint_metrics", "does not predict yet"],
    ),
    "an empty choice": (
        "box_coder { faster_rcnn_box_coder {} }",
        "box_coder {}",
        ["model.ssd.box_coder", "set one of", "faster_rcnn_box_coder"],
    ),
    "a value that the part refuses": (
        "iou_threshold: 0.5\n",
        "iou_threshold: 1.5\n",
        ["post_processing.batch_non_max_suppression", "0..1"],
    ),
    "too few classes for the label map": (
        "num_classes: 5",
        "num_classes: 2",
        ["num_classes is 2", "set num_classes to 5"],
    ),
    "no number of steps": (
        "num_steps: 4",
        "",
        ["train_config.num_steps", "how many steps"],
    ),
    "a pattern that freezes nothing": (
        "num_steps: 4",
        'num_steps: 4 freeze_variables: "bakbone/"',
        ["freeze_variables", "matches none", "backbone"],
    ),
    "absent records": (
        "scenes.record-*",
        "scene.record-*",
        ["input_path", "scene.record-*"],
    ),
    "absent label map": (
        "label_map.pbtxt",
        "labels.pbtxt",
        ["label_map_path", "labels.pbtxt"],
    ),
    "absent fine-tune checkpoint": (
        "num_steps: 4",
        'num_steps: 4 fine_tune_checkpoint: "nowhere/ckpt-9"',
        ["nowhere/ckpt-9"],
    ),
    "unknown metric": (
        "eval_config {",
        'eval_config { metrics_set: "coco_detection_metric"',
        ["coco_detection_metric", "coco_detection_metrics"],
    ),
}


@pytest.mark.parametrize("row", CONFIG_ROWS)
def test_config(row, data, tmp_path, capsys):
    old, new, says = CONFIG_ROWS[row]
    config = tiny.write_config(tmp_path, data, old, new)
    refuses(capsys, "train", config, tmp_path / "model", says=says)
    assert not list((tmp_path / "model").glob("ckpt-*"))


def test_absent_config(tmp_path, capsys):
    tiny.write_config(tmp_path, tmp_path)
    refuses(
        capsys,
        "train",
        tmp_path / "pipelin.config",
        tmp_path / "model",
        says=["pipelin.config", "has pipeline.config"],
    )


def test_override_of_an_unknown_field(data, tmp_path, capsys):
    config = tiny.write_config(tmp_path, data)
    override = "--set=train_config.batchsize=2"
    says = ["train_config.batchsize", "did you mean batch_size?"]
    refuses(capsys, "train", config, tmp_path / "model", override, says=says)


def swap_boxes(features):
    xmin = features["image/object/bbox/xmin"].float_list.value
    xmax = features["image/object/bbox/xmax"].float_list.value
    xmin[0], xmax[0] = xmax[0], xmin[0]


def break_jpeg(features):
    encoded = features["image/encoded"].bytes_list
    encoded.value[0] = encoded.value[0][:100]


def unknown_class(features):
    del features["image/object/class/text"]
    features["image/object/class/label"].int64_list.value[0] = 77


RECORD_ROWS = {
    "swapped boxes": (swap_boxes, ["swapped_box", "record 0"]),
    "broken JPEG": (break_jpeg, ["undecodable", "record 0"]),
    "a class id that the label map lacks": (
        unknown_class,
        ["unknown_id", "77", "record 0"],
    ),
}


@pytest.mark.parametrize("row", RECORD_ROWS)
def test_records(row, own_data, tmp_path, capsys):
    change, says = RECORD_ROWS[row]
    rewrite(own_data, change)
    config = tiny.write_config(tmp_path, own_data)
    says = [*says, "scenes.record-"]
    refuses(capsys, "train", config, tmp_path / "model", says=says)


def test_evaluation_records_are_looked_at_first(data, own_data, tmp_path, capsys):
    """Before the first step, not at the first evaluation."""
    rewrite(own_data, break_jpeg)
    config = tiny.write_config(tmp_path, data)
    field = "eval_input_reader[0].tf_record_input_reader.input_path"
    override = f'--set={field}=["{own_data}/scenes.record-*"]'
    says = ["not fit for evaluation", "undecodable", "record 0"]
    refuses(capsys, "train", config, tmp_path / "model", override, says=says)
    assert not list((tmp_path / "model").glob("ckpt-*"))


def test_class_in_another_case(own_data, tmp_path, capsys):
    label_map = own_data / "label_map.pbtxt"
    text = label_map.read_text()
    label_map.write_text(text.replace("circle", "Circle"))
    assert "circle" in text
    config = tiny.write_config(tmp_path, own_data)
    says = ["unknown_class", "label_map.pbtxt", "did you mean 'Circle'?"]
    refuses(capsys, "train", config, tmp_path / "model", says=says)


def test_truncated_records(own_data, tmp_path, capsys):
    (path,) = own_data.glob("scenes.record-*")
    path.write_bytes(path.read_bytes()[:-1000])
    config = tiny.write_config(tmp_path, own_data)
    says = ["corrupt", path.name, "record 7"]
    refuses(capsys, "train", config, tmp_path / "model", says=says)


def test_label_id_0(own_data, tmp_path, capsys):
    label_map = own_data / "label_map.pbtxt"
    label_map.write_text(label_map.read_text().replace("id: 1\n", "id: 0\n", 1))
    config = tiny.write_config(tmp_path, own_data)
    says = ["label_map.pbtxt", "0", "background"]
    refuses(capsys, "train", config, tmp_path / "model", says=says)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """(config path, model directory) after two steps."""
    folder = tmp_path_factory.mktemp("trained")
    config = tiny.write_config(folder, data, "num_steps: 4", "num_steps: 2")
    assert cli.main(["train", str(config), str(folder / "model"), "--no-eval"]) == 0
    return config, folder / "model"


def test_checkpoint_of_another_model(trained, tmp_path, capsys):
    config, model = trained
    says = ["does not fit", "[1, 1,", "The config must describe"]
    override = "--set=model.ssd.num_classes=7"
    refuses(capsys, "eval", config, model, override, says=says)


def test_resumed_with_other_classes(trained, own_data, capsys):
    """Of another number, or with other names: the checkpoints would win silently."""
    config, model = trained
    resume = ["train", config, model, "--no-eval"]
    says = ["model.ssd.num_classes", "began with 5", "now has 7"]
    refuses(capsys, *resume, "--set=model.ssd.num_classes=7", says=says)
    label_map = own_data / "label_map.pbtxt"
    label_map.write_text(label_map.read_text().replace("circle", "disc"))
    field = "train_input_reader.label_map_path"
    other = [f"--set={field}={label_map}"]
    other.append("--set=train_input_reader.drop_unknown_classes=true")
    says = [field, "'circle'", "'disc'", "new model_dir"]
    refuses(capsys, *resume, *other, says=says)


def test_absent_checkpoint(trained, capsys):
    config, model = trained
    refuses(capsys, "eval", config, f"{model}/ckpt-3", says=["ckpt-3", "ckpt-2"])


def test_full_disk(trained, tmp_path, capsys, monkeypatch):
    """The save fails; what was there before stays whole."""
    config, model = trained
    model = shutil.copytree(model, tmp_path / "model")

    def no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_files, "write_whole", no_space)
    arguments = ["train", config, model, "--num-steps=4", "--no-eval"]
    refuses(capsys, *arguments, says=["No space left on device", "ckpt-4", "Free"])
    assert checkpoint_files.is_whole(str(model / "ckpt-2"))


def test_export_onto_something(trained, tmp_path, capsys):
    (tmp_path / "out" / "something").mkdir(parents=True)
    says = ["exists already"]
    refuses(capsys, "export", *trained, tmp_path / "out", says=says)


def test_eval_whose_report_would_lie_outside(trained, tmp_path, capsys):
    config, run_dir = trained
    name = "--set=eval_input_reader[0].name='../../x'"
    says = ["eval_input_reader[0].name", "becomes the name of a file or folder"]
    refuses(capsys, "eval", config, run_dir, name, says=says)


def test_unknown_input_type(trained, tmp_path, capsys):
    arguments = ["export", *trained, tmp_path / "out", "--input-type=image_tensr"]
    refuses(capsys, *arguments, says=["image_tensr", "did you mean image_tensor"])
    assert not (tmp_path / "out").exists()


def test_detect_without_a_model(tmp_path, capsys):
    Image.fromarray(np.zeros([8, 8, 3], np.uint8)).save(tmp_path / "a.png")
    arguments = ["detect", tmp_path, tmp_path / "a.png", "--output", tmp_path / "out"]
    refuses(capsys, *arguments, says=["holds no SavedModel"])


def test_convert_broken_json(tmp_path, capsys):
    (tmp_path / "instances.json").write_text('{"images": [')
    arguments = ["--from", "coco", "--annotations", tmp_path / "instances.json"]
    arguments += ["--images", tmp_path, "--output", tmp_path / "x.record"]
    status, message = run(capsys, "data", "convert", *arguments)
    assert status == 2 and "instances.json" in message and "Traceback" not in message
    assert not list(tmp_path.glob("x.record*"))
