"""Heads alone: what decode.py makes of them, where they are taken, what is refused."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny
import tiny_two_stage

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import artefact_at
from od_api.exporting.raw_decoding import Decoding
from od_api.inference.finders import finder

FORMATS = ("saved_model", "onnx", "openvino")
FILES = {
    "saved_model": {"saved_model", "serving", "checkpoint"},
    "onnx": {"model.onnx"},
    "openvino": {"model.xml", "model.bin"},
}
BESIDE = {"anchors.npy", "decode.py", "decoding.json", "parity.json", "pipeline.config"}


def decoding(folder, **changes):
    """A Decoding of two anchors: 10x10 at the corner, and 20x40 beside it."""
    np.save(folder / "anchors.npy", np.array([[0, 0, 10, 10], [10, 0, 30, 40]], "f4"))
    settings = {
        "input_shape": [60, 80],
        "box_scales": [10, 10, 5, 5],
        "background_columns": 1,
        "score_threshold": 0.1,
        "iou_threshold": 0.5,
        "max_detections_per_class": 2,
        "max_total_detections": 3,
        "max_candidates": 0,
    }
    (folder / "decoding.json").write_text(json.dumps({**settings, **changes}))
    return Decoding(folder)


def test_boxes_by_hand(tmp_path):
    """Code 0 is the anchor. (10, -5) moves the centre by 10/10 of the height down and
    5/10 of the width to the left; 5 log 2 doubles a side."""
    double = 5 * np.log(2)
    codes = np.array([[[0, 0, 0, 0], [10, -5, double, 0]]], np.float32)
    (boxes,) = decoding(tmp_path).boxes(codes)
    np.testing.assert_allclose(boxes, [[0, 0, 10, 10], [20, -20, 60, 20]], atol=1e-4)


def test_detections_by_hand(tmp_path):
    """Both anchors as they are; class 1 has .9 and .8, which do not overlap, class 2
    has .05, below the threshold, and .3. Of an image of 20x40, the second is cut."""
    scores = [[[0.1, 0.9, 0.05], [0.5, 0.8, 0.3]]]
    outputs = {
        "box_encodings": np.zeros([1, 2, 4], np.float32),
        "class_scores": np.array(scores, np.float32),
        "true_shapes": np.array([[20, 40]], np.float32),
    }
    (found,) = decoding(tmp_path).detections(outputs)
    np.testing.assert_allclose(found["scores"], [0.9, 0.8, 0.3])
    assert list(found["classes"]) == [1, 1, 2]
    cut = [0.5, 0, 1, 1]
    np.testing.assert_allclose(found["boxes"], [[0, 0, 0.5, 0.25], cut, cut])
    (found,) = decoding(tmp_path, max_total_detections=1).detections(outputs)
    assert list(found["scores"]) == [np.float32(0.9)]
    none = {**outputs, "class_scores": np.zeros([1, 2, 3], np.float32)}
    (found,) = decoding(tmp_path).detections(none)
    assert len(found["scores"]) == 0 and found["boxes"].shape == (0, 4)


@pytest.mark.parametrize("total", [2, 50, 300])
def test_few_scores_settle_what_all_would(tmp_path, total):
    """Of 400 anchors and scores of few values, as integers have, many are equal."""
    part = decoding(tmp_path, max_total_detections=total, max_detections_per_class=90)
    rng = np.random.default_rng(2)
    corners = rng.uniform(0, 50, (400, 2))
    part.anchors = np.concatenate([corners, corners + rng.uniform(2, 9, (400, 2))], 1)
    scores = (rng.integers(0, 60, (1, 400, 3)) / 60).astype(np.float32)
    codes = np.zeros([1, 400, 4], np.float32)
    (found,) = part.detections({"box_encodings": codes, "class_scores": scores})
    want = part._above(0.1, part.boxes(codes)[0], scores[0][:, 1:], (60, 80))
    assert len(found["scores"]) == min(total, 180)
    for name, value in want.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(config, folder of run, detections and of FORMATS) of random weights."""
    folder = tmp_path_factory.mktemp("raw")
    config = tiny.config_for(folder, tiny.make_data(folder, num_images=1))
    random_checkpoint.write(config, folder / "run")
    od_api.export(config, folder / "run", folder / "detections")
    for name in FORMATS:
        od_api.export(
            config, folder / "run", folder / name, model_format=name, form="raw"
        )
    return config, folder


def outputs_of(folder, name, images):
    if name != "saved_model":
        return artefact_at(folder / name).load(is_raw=True)(images)
    model = tf.saved_model.load(str(folder / name / "saved_model"))
    return {k: v.numpy() for k, v in model(images).items()}


@pytest.mark.parametrize("name", FORMATS)
def test_decode_py_finds_what_the_whole_model_finds(made, name, monkeypatch):
    """The file that lies beside the network, on a batch of images of another size."""
    folder = made[1]
    images = np.random.default_rng(3).integers(0, 256, (2, 70, 110, 3), np.uint8)
    path = folder / name / "decode.py"
    # No __pycache__ beside what an export wrote.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = importlib.util.spec_from_file_location("decode", path)
    decode = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(decode)
    outputs = outputs_of(folder, name, images)
    assert set(outputs) == {"box_encodings", "class_scores", "true_shapes"}
    found = decode.Decoding(folder / name).detections(outputs)
    want = finder(folder / "detections").find(images)
    for one, other in zip(found, want, strict=True):
        assert len(one["scores"]) == other["num_detections"] > 3
        np.testing.assert_allclose(one["boxes"], other["detection_boxes"], atol=1e-5)
        np.testing.assert_allclose(one["scores"], other["detection_scores"], atol=1e-5)
        assert list(one["classes"]) == list(other["detection_classes"])


@pytest.mark.parametrize("name", FORMATS)
def test_what_lies_in_the_folder(made, name):
    files = {p.name for p in (made[1] / name).iterdir()}
    assert files == BESIDE | FILES[name]
    anchors = np.load(made[1] / name / "anchors.npy")
    assert anchors.dtype == np.float32 and anchors.shape[1] == 4


def test_decode_py_needs_numpy_alone(made):
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['od_api'] = None\n"
        f"sys.path.insert(0, {str(made[1] / 'onnx')!r})\n"
        f"import decode; decode.Decoding({str(made[1] / 'onnx')!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_what_wants_detections_says_what_is_missing(made, name):
    with pytest.raises(UserError, match="has the heads of its network alone"):
        finder(made[1] / name)


@pytest.mark.parametrize("kind", ["faster_rcnn_fpn", "mask_rcnn"])
def test_two_stages_are_refused(tmp_path, capsys, kind):
    data = tiny.make_data(tmp_path, num_images=1)
    config = tiny_two_stage.config_for(tmp_path, data, kind)
    random_checkpoint.write(config, tmp_path / "run")
    path = tmp_path / "given.config"
    od_api.config.loading.write_config(config, path)
    command = ["export", str(path), str(tmp_path / "run"), str(tmp_path / "out")]
    assert cli.main([*command, "--form", "raw"]) == 2
    assert "export it with --form detections" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.ssd.box_coder={square_box_coder {}}"], "box codes of faster_rcnn"),
        (
            [
                "model.ssd.image_resizer={keep_aspect_ratio_resizer "
                "{min_dimension: 96 max_dimension: 120}}"
            ],
            "anchors in a file",
        ),
    ],
)
def test_heads_that_are_not_written(made, tmp_path, overrides, message):
    config = tiny.config_for(tmp_path, made[1] / "data", *overrides)
    random_checkpoint.write(config, tmp_path / "run")
    with pytest.raises(UserError, match=message):
        od_api.export(config, tmp_path / "run", tmp_path / "out", form="raw")


def test_a_suppression_that_decode_py_has_not_is_said(made, tmp_path, caplog):
    override = "model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma=0.5"
    config = tiny.config_for(tmp_path, made[1] / "data", override)
    od_api.export(config, made[1] / "run", tmp_path / "out", form="raw")
    assert "this model does it otherwise" in caplog.text


def test_a_form_that_there_is_not(made, tmp_path):
    config, folder = made
    with pytest.raises(UserError, match="there is no form 'rw'; did you mean raw"):
        od_api.export(config, folder / "run", tmp_path / "out", form="rw")
    with pytest.raises(UserError, match="are for --format stablehlo"):
        od_api.export(config, folder / "run", tmp_path / "out", batch_sizes=(2,))
