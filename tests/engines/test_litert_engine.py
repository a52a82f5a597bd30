"""Detectors as LiteRT models: what they find, without TensorFlow; what is refused."""

import json
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import random_checkpoint
import tiny
import tiny_two_stage
from PIL import Image

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import CONFIG, LABEL_MAP, artefact_at
from od_api.engines.litert_engine import LitertModel
from od_api.exporting.raw_decoding import Decoding
from od_api.inference.finders import finder

KINDS = ("ssd", "faster_rcnn_fpn", "mask_rcnn", "rfcn")


def made(folder, kind, name="out", **options):
    """(run, folder of the export) of random weights."""
    data = tiny.make_data(folder, num_images=1)
    make = tiny.config_for if kind == "ssd" else tiny_two_stage.config_for
    config = make(folder, data, *([] if kind == "ssd" else [kind]))
    run = folder / "run"
    random_checkpoint.write(config, run)
    od_api.config.loading.write_config(config, run / "pipeline.config")
    od_api.export(config, run, folder / name, model_format="litert", **options)
    return run, folder / name


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory):
    return made(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def ssd(tmp_path_factory):
    """An image of another size than the network's, and not square."""
    return made(tmp_path_factory.mktemp("ssd"), "ssd", image_size=(90, 120))


def images_of(path, count=1):
    shape = (count, *LitertModel(path).image_shape[1:])
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def close(one, other, side):
    """Among random scores some are equal, in any order."""
    assert set(one) == set(other)
    np.testing.assert_allclose(
        one["detection_scores"], other["detection_scores"], atol=1e-5
    )
    np.testing.assert_allclose(
        np.sort(one["raw_detection_boxes"], axis=0),
        np.sort(other["raw_detection_boxes"], axis=0),
        atol=1e-3 / side,
    )


def test_it_finds_what_the_checkpoint_finds(exported):
    run, folder = exported
    report = json.loads((folder / "parity.json").read_text())
    assert report["largest_box_difference_px"] < 1e-3
    assert report["largest_score_difference"] < 1e-5
    path = folder / "model.tflite"
    images = images_of(path, 2)
    found, want = finder(folder).find(images), finder(run).find(images)
    for one, other in zip(found, want, strict=True):
        close(one, other, max(images.shape))
    _has_builtin_operators_alone(path)


def test_commands_take_images_of_other_sizes(exported, tmp_path):
    """Beside the label map and the records that the config names, as any export."""
    run, folder = exported
    image = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    Image.fromarray(pixels).save(image)
    found = tmp_path / "found"
    command = ["detect", str(folder), str(image), "--output", str(found)]
    assert cli.main([*command, "--min-score", "0.01"]) == 0
    assert json.loads((found / "detections.json").read_text())
    config = od_api.load_config(run / "pipeline.config")
    ours = od_api.evaluate(config, run, output_dir=tmp_path)
    theirs = od_api.evaluate(config, folder / "model.tflite", output_dir=tmp_path)
    name = "DetectionBoxes_Precision/mAP"
    assert theirs[name] == pytest.approx(ours[name], abs=0.01)


def _has_builtin_operators_alone(path):
    """TensorFlow's own have names that begin with Flex."""
    details = LitertModel(path)._interpreter._get_ops_details()
    names = {d["op_name"] for d in details} - {"DELEGATE"}
    assert names and not any(n.startswith(("Flex", "CUSTOM")) for n in names)


def test_images_that_are_not_square(ssd):
    run, folder = ssd
    assert LitertModel(folder / "model.tflite").image_shape == (None, 90, 120, 3)
    images = images_of(folder / "model.tflite")
    (one,), (other,) = finder(folder).find(images), finder(run).find(images)
    close(one, other, 120)


def test_it_runs_without_tensorflow_and_without_us(ssd, tmp_path):
    """The snippet of the docs, where neither can be imported, finds as many."""
    path = ssd[1] / "model.tflite"
    picture = tmp_path / "noise.png"
    (pixels,) = images_of(path)
    Image.fromarray(pixels).save(picture)
    page = pathlib.Path(od_api.__file__).parents[1] / "docs" / "edge.md"
    snippet = page.read_text().split("```python\n")[1].split("```")[0]
    blocked = "import sys\nsys.modules['tensorflow'] = sys.modules['od_api'] = None\n"
    code = snippet.replace("exported/model.tflite", str(path))
    done = subprocess.run(
        [sys.executable, "-c", blocked + code.replace("photo.jpg", str(picture))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (count,) = LitertModel(path)(pixels[None])["num_detections"]
    assert len(done.stdout.splitlines()) == count > 0


def test_the_file_says_what_it_is(ssd):
    path = ssd[1] / "model.tflite"
    assert artefact_at(path.parent).engine == artefact_at(path).engine == "litert"
    model = LitertModel(path, threads=1)
    assert "circle" in model.metadata[LABEL_MAP]
    assert "num_classes" in model.metadata[CONFIG]
    assert zipfile.ZipFile(path).namelist() == ["metadata.json"]


def test_heads_alone_and_their_decoding(tmp_path):
    """decode.py makes of them what the model with everything inside finds."""
    run, raw = made(tmp_path, "ssd", name="raw", form="raw")
    with pytest.raises(UserError, match="--form raw"):
        LitertModel(raw / "model.tflite")
    model = LitertModel(raw / "model.tflite", is_raw=True)
    images = np.random.default_rng(5).integers(
        0, 256, (1, *model.image_shape[1:]), np.uint8
    )
    (one,), (other,) = Decoding(raw).detections(model(images)), finder(run).find(images)
    np.testing.assert_allclose(one["scores"], other["detection_scores"], atol=1e-5)
    np.testing.assert_allclose(
        np.sort(one["boxes"], axis=0),
        np.sort(other["detection_boxes"], axis=0),
        atol=1e-5,
    )


def test_half_the_bytes(ssd, tmp_path):
    run, folder = ssd
    config = od_api.load_config(run / "pipeline.config")
    od_api.export(
        config, run, tmp_path / "half", model_format="litert", precision="float16"
    )
    half, whole = (f / "model.tflite" for f in (tmp_path / "half", folder))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    report = json.loads((tmp_path / "half" / "parity.json").read_text())
    assert report["precision"] == "float16"
    assert 0 < report["largest_score_difference"] < 1e-2
    assert report["largest_box_difference_px"] < 0.1


def test_what_is_no_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="no model of od-api export"):
        LitertModel(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("metadata.json", "{}")
    with pytest.raises(UserError, match="cannot be loaded by LiteRT"):
        LitertModel(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-sizes", "1", "2"], "an image at a time: leave out --batch-sizes"),
        (["--precision", "bfloat16"], "litert is not written in bfloat16"),
        (["--image-size", "0", "9"], "are 1 or more"),
    ],
)
def test_what_it_does_not_take(tmp_path, capsys, options, message):
    path = tiny.write_config(tmp_path, tiny.make_data(tmp_path, num_images=1))
    command = ["export", str(path), str(tmp_path), str(tmp_path / "out")]
    assert cli.main([*command, "--format", "litert", *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[litert\]'"):
        LitertModel(tmp_path / "model.tflite")
