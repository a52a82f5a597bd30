"""Detectors as OpenVINO models: what is written, where they are taken, refused.

That they find what their checkpoints find is compared in test_onnx_engine.py, of the
models that are exported there.
"""

import json
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import openvino
import pytest
import random_checkpoint
import tiny
from openvino import opset13 as ops
from PIL import Image

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import CONFIG, LABEL_MAP, PRECISION, artefact_at
from od_api.engines.openvino_engine import OpenvinoModel
from od_api.engines.shaped_model import PATIENCE
from od_api.engines.snippets import snippet
from od_api.inference.finders import finder

MODEL = "model.xml"


@pytest.fixture(scope="module")
def ssd(tmp_path_factory):
    """(path of a config, run, folder of an export by the command)."""
    folder = tmp_path_factory.mktemp("openvino")
    path = tiny.write_config(folder, tiny.make_data(folder, num_images=1))
    random_checkpoint.write(od_api.load_config(path), folder / "run")
    command = ["export", str(path), str(folder / "run"), str(folder / "exported")]
    assert cli.main([*command, "--format", "openvino"]) == 0
    return str(path), str(folder / "run"), folder / "exported"


def test_the_folder(ssd):
    _, _, folder = ssd
    names = ["model.bin", MODEL, "parity.json", "pipeline.config"]
    assert sorted(p.name for p in folder.iterdir()) == names
    parity = json.loads((folder / "parity.json").read_text())
    assert parity["largest_box_difference_px"] <= 1e-3
    assert parity["largest_score_difference"] <= 1e-5


def test_the_model_says_what_it_is(ssd):
    model = OpenvinoModel(ssd[2] / MODEL, threads=1)
    assert 'name: "circle"\n' in model.metadata[LABEL_MAP]
    assert "num_classes: 5\n" in model.metadata[CONFIG]
    assert model.image_shape == [-1, -1, -1, 3]


def test_it_is_taken_by_folder_and_by_file(ssd):
    """Of any size and number, and without a copy that the next call changes."""
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 70, 3), np.uint8)
    by_folder, by_file = finder(ssd[2]), finder(ssd[2] / MODEL, threads=1)
    assert by_folder.engine == "openvino" and by_folder.config_path is not None
    first = by_folder.find(images)[0]["raw_detection_scores"].copy()
    again = by_folder.find(images)[0]["raw_detection_scores"]
    by_folder.find(images[:1, ::-1])
    np.testing.assert_array_equal(again, first)
    np.testing.assert_allclose(
        by_file.find(images)[0]["raw_detection_scores"], first, atol=1e-6
    )
    assert set(od_api.load(ssd[2]).names.values()) >= {"circle", "square"}


def test_what_is_no_model(tmp_path):
    (tmp_path / "some.xml").write_text("<annotation></annotation>")
    with pytest.raises(UserError, match=r"some\.xml cannot be loaded by OpenVINO"):
        finder(tmp_path / "some.xml")


def test_a_model_without_its_weights(ssd, tmp_path):
    (tmp_path / MODEL).write_bytes((ssd[2] / MODEL).read_bytes())
    with pytest.raises(UserError, match="cannot be loaded by OpenVINO"):
        finder(tmp_path)


def test_a_model_that_detects_nothing(tmp_path):
    value = ops.parameter([1], np.float32, "x")
    openvino.save_model(openvino.Model([ops.relu(value)], [value]), tmp_path / MODEL)
    with pytest.raises(UserError, match="no detector that takes images as uint8"):
        finder(tmp_path)


def test_images_of_another_shape(ssd):
    model = OpenvinoModel(ssd[2] / MODEL)
    with pytest.raises(UserError, match=r"fails on images of shape \(1, 8, 8, 1\)"):
        model(np.zeros((1, 8, 8, 1), np.uint8))


def test_images_that_keep_coming(ssd):
    """Compiled for their shape it finds the same, and other shapes are answered."""
    model, rng = OpenvinoModel(ssd[2] / MODEL), np.random.default_rng(3)
    image, other = (
        rng.integers(0, 256, (1, *s, 3), np.uint8) for s in ((40, 50), (70, 60))
    )
    first, of_other = model(image), model(other)
    for _ in range(PATIENCE + 1):
        found = model(image)
    assert model._shaped.shape == image.shape
    assert_close(found, first)
    assert_close(model(other), of_other)
    assert model._shaped.shape is None
    model.prepare(other.shape)
    assert_close(model(other), of_other)
    assert model._shaped.shape == other.shape


def assert_close(found, wanted):
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5, err_msg=name)


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[openvino\]'"):
        artefact_at(_some(tmp_path)).load()


def _some(folder):
    (folder / MODEL).write_text("<net></net>")
    return folder


def test_it_runs_without_tensorflow_and_without_us(ssd, tmp_path):
    """The snippet, where neither can be imported, finds as many."""
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    _, code = snippet("openvino", ssd[2]).split(":\n\n", 1)
    blocked = "import sys\nsys.modules['tensorflow'] = sys.modules['od_api'] = None\n"
    code = blocked + code.replace("photo.jpg", str(tmp_path / "noise.png"))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (count,) = OpenvinoModel(ssd[2] / MODEL)(pixels[None])["num_detections"]
    assert len(done.stdout.splitlines()) == count > 0


def test_lower_precision(ssd, tmp_path):
    """The model says it, and how far it is off is kept; no limit refuses it.

    Suppression stays in float32, and the convolutions do not. What it costs is measured
    where asked.
    """
    config, run, _ = ssd
    command = ["export", config, run, str(tmp_path / "lower"), "--format", "openvino"]
    assert cli.main([*command, "--precision", "bfloat16", "--evaluate"]) == 0
    assert OpenvinoModel(tmp_path / "lower" / MODEL).metadata[PRECISION] == "bfloat16"
    parity = json.loads((tmp_path / "lower" / "parity.json").read_text())
    assert parity["precision"] == "bfloat16"
    assert 0 <= parity["largest_score_difference"] < 0.1
    measured = parity["evaluation"]
    before, after = (
        measured[w][measured["metric"]] for w in ("checkpoint", "exported")
    )
    assert measured["lost"] == before - after
    assert before == pytest.approx(after, abs=0.02)
    layers = ElementTree.parse(tmp_path / "lower" / MODEL).iter("layer")
    exact = {kind: set() for kind in ("NonMaxSuppression", "Convolution")}
    for layer in layers:
        marks = {a.get("name") for a in layer.findall("rt_info/attribute")}
        # Its name since 2026.
        is_exact = bool(marks & {"precise", "DisablePrecisionConversion"})
        exact.get(layer.get("type"), set()).add(is_exact)
    assert exact == {"NonMaxSuppression": {True}, "Convolution": {False}}


@pytest.mark.parametrize("model_format", ["saved_model", "onnx"])
def test_formats_without_lower_precisions(ssd, tmp_path, model_format):
    config, run, _ = ssd
    wanted = {"model_format": model_format, "precision": "float16"}
    with pytest.raises(UserError, match=f"{model_format} is not written in float16"):
        od_api.export(od_api.load_config(config), run, tmp_path / "none", **wanted)
    with pytest.raises(UserError, match="no precision 'float61'; did you mean float16"):
        wanted["precision"] = "float61"
        od_api.export(od_api.load_config(config), run, tmp_path / "none", **wanted)
    assert not (tmp_path / "none").exists()
