"""SavedModels that are not ours, lack outputs or are damaged."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.exporting import saved_models

GOOD = {
    "detection_boxes": [[[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]],
    "detection_scores": [[0.9, 0.0]],
    "detection_classes": [[1.0, 1.0]],
    "num_detections": [1.0],
}
IMAGE = np.zeros([4, 6, 3], np.uint8)


def save(folder, outputs, shape=(None, None, None, 3), dtype=tf.uint8):
    """A model that gives `outputs`, whatever it is given."""
    module = tf.Module()
    spec = tf.TensorSpec(shape, dtype, "input_tensor")
    values = {name: tf.constant(value) for name, value in outputs.items()}

    @tf.function(input_signature=[spec])
    def run(input_tensor):
        zero = tf.cast(tf.size(input_tensor) * 0, tf.float32)
        return {n: v if v.dtype == tf.string else v + zero for n, v in values.items()}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": run})
    return folder


def detect(folder):
    signature = saved_models.signature_of(saved_models.load(folder), folder)
    return saved_models.run(signature, IMAGE)


def test_rows_that_hold_nothing_are_cut_off(tmp_path):
    outputs = detect(save(tmp_path, GOOD))
    np.testing.assert_array_equal(outputs["detection_boxes"], [[0, 0, 1, 1]])
    assert outputs["detection_scores"].shape == (1,)


@pytest.mark.parametrize("missing", list(GOOD))
def test_a_model_that_lacks_an_output(tmp_path, missing):
    outputs = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(UserError, match=f"no output {missing}, so that it is no dete"):
        detect(save(tmp_path, outputs))


@pytest.mark.parametrize(
    ("output", "value", "words"),
    [
        ("detection_boxes", [[0.0, 0.0, 1.0, 1.0]], "detection_boxes has shape"),
        ("detection_boxes", [[[0.0, 0.0, 1.0]]], "detection_boxes has shape"),
        ("detection_scores", [0.9], "detection_scores has shape"),
        ("num_detections", 1.0, "num_detections has shape"),
        ("num_detections", [7.0], "says 7.0 detections, but has 2 rows"),
        ("num_detections", [float("nan")], "says nan detections"),
        ("num_detections", [-1.0], "says -1.0 detections"),
    ],
)
def test_outputs_of_another_form(tmp_path, output, value, words):
    with pytest.raises(UserError, match=words):
        detect(save(tmp_path, {**GOOD, output: value}))


def test_inputs_of_another_form(tmp_path):
    with pytest.raises(UserError, match=r"float32.*--input-type image_tensor"):
        detect(save(tmp_path / "a", GOOD, dtype=tf.float32))
    with pytest.raises(UserError, match=r"takes images of shape \(None, 8, 8, 1\)"):
        detect(save(tmp_path / "b", GOOD, shape=(None, 8, 8, 1)))
    with pytest.raises(UserError, match=r"not images of shape \(1, 4, 6, 3\)"):
        detect(save(tmp_path / "c", GOOD, shape=(None, 8, 8, 3)))


def test_damaged_models(tmp_path):
    folder = save(tmp_path / "a", GOOD)
    proto = folder / "saved_model.pb"
    whole = proto.read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2]):
        proto.write_bytes(content)
        with pytest.raises(UserError, match=r"cannot be loaded|no signature"):
            detect(folder)
    proto.write_bytes(whole)
    for file in (folder / "variables").glob("*"):
        file.unlink()
    with pytest.raises(UserError, match="cannot be loaded"):
        detect(folder)


def test_folders_without_a_model(tmp_path):
    (tmp_path / "\u00b2").mkdir()  # a digit to str.isdigit, but no number
    for path in (tmp_path, tmp_path / "none", "a\0b"):
        with pytest.raises(UserError, match="holds no SavedModel"):
            saved_models.saved_model_dir(path)
