"""export_saved_model.py: the old exporter's flags."""

import re

import flag_script
import pytest
import random_checkpoint
import tensorflow as tf
import tiny

from od_api.config.loading import load_config


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("script")
    path = tiny.write_config(folder, tiny.make_data(folder, num_images=1))
    random_checkpoint.write(load_config(path), folder / "model")
    return [
        f"--pipeline_config_path={path}",
        f"--trained_checkpoint_dir={folder}/model",
    ]


def run(*arguments):
    return flag_script.run("export_saved_model.py", *arguments)


def test_exports_with_an_override(flags, tmp_path):
    """MergeFrom: numbers are replaced, messages merged, and lists appended to."""
    override = (
        "model { ssd { post_processing { batch_non_max_suppression {"
        " max_total_detections: 7 max_detections_per_class: 7 } } } }"
        ' train_input_reader { tf_record_input_reader { input_path: "more" } }'
    )
    output = tmp_path / "out"
    arguments = [f"--output_directory={output}", f"--config_override={override}"]
    assert run(*flags, *arguments, "--input_type=tf_example") == 0
    model = tf.saved_model.load(str(output / "saved_model"))
    signature = model.signatures["serving_default"]
    assert signature.inputs[0].dtype == tf.string
    assert signature.structured_outputs["detection_boxes"].shape[1:] == [7, 4]
    written = load_config(output / "pipeline.config")
    paths = written.train_input_reader.tf_record_input_reader.input_path
    assert len(paths) == 2 and paths[1] == "more"
    nms = written.model.ssd.post_processing.batch_non_max_suppression
    assert nms.iou_threshold == 0.5, "kept from the file"


REFUSED = {
    "side inputs": (["--use_side_inputs"], "--use_side_inputs: .*Context R-CNN"),
    "side input names": (["--side_input_names=a"], "--side_input_names"),
    "typo in the override": (
        ["--config_override=model { ssd { num_clases: 3 } }"],
        "--config_override:1:15.*did you mean num_classes",
    ),
    "unknown input type": (["--input_type=image_tensr"], "did you mean image_tensor"),
    "unknown flag": (["--inputtype=image_tensor"], "Unknown command line flag"),
    "not a number": (["--model_version=one"], "model_version"),
    "no checkpoint": (["--trained_checkpoint_dir=nowhere"], "nowhere"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refuses_with_status_2(row, flags, tmp_path, capsys):
    arguments, match = REFUSED[row]
    output = f"--output_directory={tmp_path / 'out'}"
    assert run(*flags, output, *arguments) == 2
    message = capsys.readouterr().err
    assert message.count("error:") == 1 and "Traceback" not in message
    assert re.search(match, message)
    assert not list(tmp_path.iterdir())


def test_refuses_a_missing_flag(flags, capsys):
    assert run(*flags) == 2
    assert "--output_directory must have a value" in capsys.readouterr().err
