"""Exported models in an evaluation: the numbers of their checkpoint."""

import json

import numpy as np
import pytest
import random_checkpoint
import tiny
import tiny_two_stage

import od_api
from od_api import cli
from od_api.config.loading import write_config
from od_api.core.errors import ConfigError, UserError
from od_api.data.label_map import LabelMap
from od_api.evaluate import detections_of_export
from od_api.evaluation.diagnosed_images import DiagnosisOptions
from od_api.system.threads import limit_threads

FORMATS = ("saved_model", "onnx")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(config, folder of run, saved_model and onnx) of random weights."""
    folder = tmp_path_factory.mktemp("exports")
    config = tiny.config_for(folder, tiny.make_data(folder, num_images=5))
    random_checkpoint.write(config, folder / "run")
    write_config(config, folder / "run" / "pipeline.config")
    for name in FORMATS:
        od_api.export(config, folder / "run", folder / name, model_format=name)
    return config, folder


def found_in(path):
    """[image, class, score, box] of a file of detections, in a fixed order."""
    rows = json.loads(path.read_text())
    return np.array(
        sorted(
            [r["image_id"], r["category_id"], round(r["score"], 4), *r["bbox"]]
            for r in rows
        ),
        np.float64,
    )


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_has_the_metrics_of_its_checkpoint(made, tmp_path, name):
    config, folder = made
    want = od_api.evaluate(
        config, folder / "run", output_dir=tmp_path, save_to=tmp_path / "run.json"
    )
    got = od_api.evaluate(
        config,
        folder / name,
        output_dir=tmp_path / name,
        save_to=tmp_path / "export.json",
        diagnosis=DiagnosisOptions(samples=0),
    )
    measured = {k: v for k, v in want.items() if not k.startswith("Loss/")}
    assert got.keys() == measured.keys() and len(got) > 5
    assert got["DetectionBoxes_Precision/mAP"] >= 0
    for key, value in measured.items():
        assert got[key] == pytest.approx(value, abs=1e-4), key
    one, other = (found_in(tmp_path / f"{n}.json") for n in ("run", "export"))
    assert len(one) == len(other) > 20
    np.testing.assert_allclose(one, other, atol=0.02)
    written = {p.name for p in (tmp_path / name / "eval").rglob("*")}
    assert {"report.html", "detections.json"} <= written


def test_the_command_takes_a_folder_and_a_file(made, tmp_path, caplog):
    """With the config beside the model; and a run and its export are compared."""
    _, folder = made
    output = ["--output", str(tmp_path / "out"), "--no-report"]
    for path in ("saved_model", "onnx", "onnx/model.onnx"):
        assert cli.main(["eval", str(folder / path), *output]) == 0
        engine = path.split("/")[0]
        assert f"exported model ({engine})" in caplog.text
        caplog.clear()
    both = [str(folder / "run"), str(folder / "onnx" / "model.onnx")]
    both += ["--output", str(tmp_path / "both"), "--bootstrap", "20"]
    assert cli.main(["eval", *both]) == 0
    (report,) = json.loads((tmp_path / "both" / "comparison.json").read_text()).values()
    assert report["difference"]["mAP"]["value"] == pytest.approx(0, abs=1e-4)


def test_tiles_are_an_export_s_own(made, tmp_path):
    """One tile that holds the image whole finds what the image does."""
    config, folder = made
    whole, tiled = (
        od_api.evaluate(config, folder / "onnx", output_dir=tmp_path, tiles=tiles)
        for tiles in (None, od_api.tiles.tiling.Tiling(200, 200))
    )
    for name, value in whole.items():
        assert tiled[name] == pytest.approx(value, abs=1e-3)


def test_masks_are_measured(tmp_path):
    """The mask metrics of a SavedModel are those of its checkpoint."""
    data = tiny.make_data(tmp_path, num_images=2, include_masks=True)
    config = tiny_two_stage.config_for(tmp_path, data, "mask_rcnn")
    config.eval_input_reader[0].load_instance_masks = True
    config.eval_config.metrics_set[:] = ["coco_mask_metrics"]
    random_checkpoint.write(config, tmp_path / "run")
    od_api.export(config, tmp_path / "run", tmp_path / "export")
    want, got = (
        od_api.evaluate(config, tmp_path / name, output_dir=tmp_path / "out")
        for name in ("run", "export")
    )
    assert any("Mask" in name for name in got)
    for name, value in got.items():
        assert want[name] == pytest.approx(value, abs=1e-4), name


def test_masks_that_a_model_does_not_find(made, tmp_path):
    config, folder = made
    data = tiny.make_data(tmp_path, num_images=1, include_masks=True)
    config = tiny.config_for(tmp_path, data)
    config.eval_input_reader[0].load_instance_masks = True
    config.eval_config.metrics_set[:] = ["coco_mask_metrics"]
    with pytest.raises(ConfigError, match="the model predicts none"):
        od_api.evaluate(config, folder / "onnx", output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_classes_of_another_label_map(made):
    config, folder = made
    given = detections_of_export(folder / "onnx", config)
    path = next(folder.rglob("label_map.pbtxt"))
    given.refuse_classes([LabelMap.load(path)])
    other = LabelMap.of_text(path.read_text().replace("circle", "disc"), "other.pbtxt")
    with pytest.raises(UserError, match=r"is circle, but disc in .*other classes"):
        given.refuse_classes([other])


def test_threads_that_cannot_be(made, capsys):
    _, folder = made
    command = ["eval", str(folder / "onnx"), "--no-report", "--threads"]
    assert cli.main([*command, "0"]) == 2
    assert "1 or more, not 0" in capsys.readouterr().err
    with pytest.raises(UserError, match="TensorFlow has run already"):
        limit_threads(3)
