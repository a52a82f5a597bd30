"""Detectors as StableHLO: what they find, without TensorFlow; what is refused."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import random_checkpoint
import tiny
import tiny_two_stage
from jax import export as jax_export

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.engines.artefacts import CONFIG, LABEL_MAP, artefact_at
from od_api.engines.stablehlo_engine import StableHloModel
from od_api.inference.finders import finder

HEIGHT, WIDTH = 90, 120
# Where neither can be imported: what JAX makes of a file of images.
ALONE = """
import sys, zipfile
sys.modules["tensorflow"] = sys.modules["od_api"] = None
import numpy as np
from jax import export

_, model, images, output = sys.argv
with zipfile.ZipFile(model) as file:
    program = export.deserialize(bytearray(file.read("batch_1")))
found = program.call(np.load(images)[:1])
np.savez(output, **found)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(run, path of the model) of random weights."""
    folder = tmp_path_factory.mktemp("stablehlo")
    config = tiny.config_for(folder, tiny.make_data(folder, num_images=1))
    random_checkpoint.write(config, folder / "run")
    settings = {"batch_sizes": (1, 2), "image_size": (HEIGHT, WIDTH)}
    differences = od_api.export(
        config, folder / "run", folder / "out", model_format="stablehlo", **settings
    )
    assert differences["boxes"] < 1e-3 and differences["scores"] < 1e-5
    od_api.config.loading.write_config(config, folder / "run" / "pipeline.config")
    return folder / "run", folder / "out" / "model.stablehlo"


def images_of(count):
    shape = (count, HEIGHT, WIDTH, 3)
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def test_it_finds_what_the_checkpoint_finds(made):
    """Five images are two batches of two, and one of one."""
    run, path = made
    images = images_of(5)
    found, want = finder(path).find(images), finder(run).find(images)
    for one, other in zip(found, want, strict=True):
        assert set(one) == set(other)
        np.testing.assert_allclose(
            one["detection_scores"], other["detection_scores"], atol=1e-5
        )
        np.testing.assert_allclose(
            np.sort(one["raw_detection_boxes"], axis=0),
            np.sort(other["raw_detection_boxes"], axis=0),
            atol=1e-3 / WIDTH,
        )


def test_it_runs_without_tensorflow_and_without_us(made, tmp_path):
    images = images_of(1)
    np.save(tmp_path / "images.npy", images)
    paths = [str(p) for p in (made[1], tmp_path / "images.npy", tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    want = StableHloModel(made[1])(images)
    with np.load(tmp_path / "out.npz") as found:
        assert set(found.files) == set(want)
        for name, value in want.items():
            np.testing.assert_allclose(found[name], value, atol=1e-6)


def test_the_file_says_what_it_is(made):
    _, path = made
    assert artefact_at(path.parent).engine == "stablehlo"
    model = StableHloModel(path)
    assert model.image_shape == (None, HEIGHT, WIDTH, 3)
    assert model.batch_sizes == [1, 2]
    assert "circle" in model.metadata[LABEL_MAP]
    assert "num_classes" in model.metadata[CONFIG]
    report = json.loads((path.parent / "parity.json").read_text())
    assert report["largest_box_difference_px"] < 1e-3


def test_images_of_another_size(made):
    with pytest.raises(UserError, match=r"images of 90x120 pixels alone"):
        StableHloModel(made[1])(np.zeros([1, 64, 64, 3], np.uint8))
    with pytest.raises(UserError, match="taskset"):
        StableHloModel(made[1], threads=1)


def test_what_is_no_model(tmp_path):
    path = tmp_path / "model.stablehlo"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="no model of od-api export"):
        StableHloModel(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", '{"od_api.image_shape": "[8, 8, 3]"}')
        file.writestr("batch_1", b"nothing of the kind")
    with pytest.raises(UserError, match="JAX cannot load the program for 1 images"):
        StableHloModel(path)(np.zeros([1, 8, 8, 3], np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--form", "raw"], "with --form detections alone"),
        (["--batch-sizes", "0"], "are 1 or more"),
        (["--input-type", "tf_example"], "takes decoded images"),
    ],
)
def test_what_it_does_not_take(tmp_path, capsys, options, message):
    path = tiny.write_config(tmp_path, tiny.make_data(tmp_path, num_images=1))
    command = ["export", str(path), str(tmp_path), str(tmp_path / "out")]
    assert cli.main([*command, "--format", "stablehlo", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax.export", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[stablehlo\]'"):
        StableHloModel(tmp_path / "model.stablehlo")


@pytest.mark.parametrize("kind", ["mask_rcnn", "rfcn"])
def test_two_stages(tmp_path, kind):
    """Crops, pooling of score maps and masks in a program. The export compares what it
    finds with the checkpoint; here is what the program says it gives."""
    data = tiny.make_data(tmp_path, num_images=1)
    config = tiny_two_stage.config_for(tmp_path, data, kind)
    random_checkpoint.write(config, tmp_path / "run")
    folder = tmp_path / "out"
    found = od_api.export(config, tmp_path / "run", folder, model_format="stablehlo")
    assert found["boxes"] < 1e-3 and found["scores"] < 1e-5
    with zipfile.ZipFile(folder / "model.stablehlo") as file:
        program = jax_export.deserialize(bytearray(file.read("batch_1")))
    outputs = program.out_tree.unflatten(program.out_avals)
    assert outputs["detection_boxes"].shape == (1, 20, 4)
    assert ("detection_masks" in outputs) == (kind == "mask_rcnn")
