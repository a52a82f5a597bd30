"""Networks of integers alone, with images and outputs: run, decoded, refused."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import od_api
from od_api import cli
from od_api.engines.litert_engine import LitertModel
from od_api.exporting.raw_decoding import Decoding

OPTIONS = ("--format", "litert", "--form", "raw", "--precision", "int8")
_INTEGERS = {np.dtype(kind) for kind in (np.uint8, np.int8, np.int32)}


@pytest.fixture(scope="module", params=["uint8", "int8"])
def exported(request, random_ssd, tmp_path_factory):
    """(type, folder of an export)."""
    folder = tmp_path_factory.mktemp(request.param) / "out"
    command = ["export", *random_ssd, str(folder), *OPTIONS, "--evaluate"]
    command += ["--full-integer", request.param, "--calibration-images", "3"]
    assert cli.main(command) == 0
    return request.param, folder


def details(folder):
    """Of all tensors, of the input, of the outputs by name."""
    model = LitertModel(folder / "model.tflite", threads=1, is_raw=True)
    runner = model._run
    (taken,) = runner.get_input_details().values()
    return model._interpreter.get_tensor_details(), taken, runner.get_output_details()


def test_integers_alone(exported):
    kind, folder = exported
    tensors, taken, given = details(folder)
    assert taken["dtype"] == np.dtype(kind)
    assert set(given) == {"box_encodings", "class_scores"}
    assert {d["dtype"] for d in given.values()} == {np.dtype(kind).type}
    assert {np.dtype(t["dtype"]) for t in tensors} <= _INTEGERS


def test_pixels_go_in_as_they_are(exported):
    """One step of the input is one of a pixel: 0..255, or 128 less."""
    kind, folder = exported
    scale, zero = details(folder)[1]["quantization"]
    assert scale == pytest.approx(1)
    assert zero == (0 if kind == "uint8" else -128)


def test_what_it_costs_is_kept(exported):
    kind, folder = exported
    parity = json.loads((folder / "parity.json").read_text())
    assert parity["precision"] == "int8" and parity["full_integer"] == kind
    assert 0 < parity["largest_score_difference"] < 0.5
    assert {"checkpoint", "exported", "lost"} <= set(parity["evaluation"])


def test_the_snippet_runs_without_tensorflow(exported, tmp_path):
    """That of the docs, with decode.py beside the model, finds what decoding finds in
    the outputs as real numbers."""
    _, folder = exported
    model = LitertModel(folder / "model.tflite", is_raw=True)
    shape = model.image_shape[1:]
    pixels = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    page = pathlib.Path(od_api.__file__).parents[1] / "docs" / "edge.md"
    snippet = page.read_text().split("```python\n")[2].split("```")[0]
    code = snippet.replace("photo.jpg", str(tmp_path / "noise.png"))
    blocked = "import sys\nsys.modules['tensorflow'] = sys.modules['od_api'] = None\n"
    done = subprocess.run(
        [sys.executable, "-B", "-c", blocked + code.replace("exported", str(folder))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = model(pixels[None])
    assert {x.dtype for x in outputs.values()} == {np.dtype(np.float32)}
    (want,) = Decoding(folder).detections(outputs)
    lines = done.stdout.splitlines()
    assert len(lines) == len(want["scores"]) > 0
    assert float(lines[0].split()[-1]) == pytest.approx(want["scores"][0], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "litert"], "set --format litert --form raw"),
        (["--format", "openvino"], "set --format litert --form raw"),
        ([*OPTIONS, "--float-layers", "a"], "leave out --float-layers"),
        ([*OPTIONS[:4], "--precision", "float16"], "is for --precision int8"),
    ],
)
def test_what_does_not_fit(random_ssd, tmp_path, capsys, options, message):
    command = ["export", *random_ssd, str(tmp_path / "none"), "--precision", "int8"]
    assert cli.main([*command, *options, "--full-integer", "int8"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
