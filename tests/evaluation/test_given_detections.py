"""Metrics of detections from files: numbers as of a model, and files that are wrong."""

import json

import numpy as np
import pytest
import random_checkpoint
import tensorflow as tf
import tiny

from od_api.cli import main
from od_api.core.errors import UserError
from od_api.data import records
from od_api.data.detection_fields import put_detections
from od_api.evaluate import evaluate, evaluate_detections
from od_api.evaluation.diagnosed_images import DiagnosisOptions
from od_api.evaluation.saved_detections import SavedDetections

NOTHING = {
    "boxes": np.zeros((0, 4)),
    "scores": np.zeros(0),
    "classes": np.zeros(0, int),
}
MAP = "DetectionBoxes_Precision/mAP"
AP50 = "DetectionBoxes_Precision/mAP@.50IOU"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("given"), num_images=3)


@pytest.fixture
def config(data, tmp_path):
    return tiny.config_for(tmp_path, data)


@pytest.fixture(scope="module")
def truth(data):
    """The objects as COCO results: every score is 1."""
    annotations = json.loads((data / "annotations.json").read_text())["annotations"]
    return [
        {k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 1.0}
        for a in annotations
    ]


def written(folder, value):
    path = folder / "detections.json"
    path.write_text(json.dumps(value))
    return path


def test_numbers_are_those_of_the_checkpoint(config, tmp_path):
    checkpoint = random_checkpoint.write(config, tmp_path / "model")
    saved = tmp_path / "saved" / "found.json"
    of_model = evaluate(config, checkpoint, output_dir=tmp_path / "a", save_to=saved)
    given = evaluate_detections(config, saved, output_dir=tmp_path / "b")
    assert {k: v for k, v in of_model.items() if "Loss" not in k} == given
    first, second = (
        json.loads((tmp_path / x / "eval" / "eval_report.json").read_text())
        for x in "ab"
    )
    assert first["classes"] == second["classes"]
    assert sum(row["detections"] for row in second["classes"]) > 10
    assert (first["step"], second["step"]) == (3, None)
    assert (tmp_path / "b" / "eval" / "detections.jpg").is_file()


def test_a_page_and_what_was_found(config, tmp_path):
    """detections.json beside report.html gives the same diagnosis once more."""
    checkpoint = random_checkpoint.write(config, tmp_path / "model")
    options = DiagnosisOptions(samples=30)
    metrics = evaluate(config, checkpoint, diagnosis=options)
    folder = tmp_path / "model" / "eval"
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    found = folder / "detections.json"
    again = evaluate_detections(
        config, found, output_dir=tmp_path / "b", diagnosis=options
    )
    assert {k: v for k, v in metrics.items() if "Loss" not in k} == again
    assert (tmp_path / "b" / "eval" / "report.html").is_file()
    assert not (tmp_path / "b" / "eval" / "detections.json").exists()
    first, second = (
        json.loads((path / "eval_report.json").read_text())["diagnosis"]
        for path in (folder, tmp_path / "b" / "eval")
    )
    assert first == second
    assert first["intervals"]["samples"] == 30


def test_images_without_names_have_no_detections_file(tmp_path, caplog):
    """It is no error, as it is where somebody asked for the file."""
    path = tmp_path / "detections.json"
    path.write_text("of an earlier evaluation")
    saved = SavedDetections(path, asked_for=False)
    for _ in range(2):
        saved.add(b"one", NOTHING, None)
    saved.write()
    assert not path.exists()
    assert "two images are called 'one'" in caplog.text
    with pytest.raises(UserError, match="two images are called 'one'"):
        strict = SavedDetections(path)
        for _ in range(2):
            strict.add(b"one", NOTHING, None)


def test_the_objects_themselves_and_half_of_them(config, truth, tmp_path):
    metrics = evaluate_detections(config, written(tmp_path, truth))
    assert metrics[MAP] == pytest.approx(1.0, abs=1e-6)
    name = truth[0]["image_id"]
    one = [row for row in truth if row["image_id"] == name]
    assert 0 < evaluate_detections(config, written(tmp_path, one))[AP50] < 1


def test_records_give_the_numbers_of_results(config, data, truth, tmp_path):
    shifted = [{**r, "bbox": [r["bbox"][0] + 3, *r["bbox"][1:]]} for r in truth]
    of_results = evaluate_detections(config, written(tmp_path, shifted))
    with tf.io.TFRecordWriter(str(tmp_path / "found.record")) as writer:
        for record in records.read(records.expand(f"{data}/scenes.record-*")[0]):
            example = tf.train.Example.FromString(record)
            features = example.features.feature
            name = features["image/source_id"].bytes_list.value[0].decode()
            rows = [r for r in shifted if str(r["image_id"]) == name]
            xywh = np.array([r["bbox"] for r in rows]).reshape(-1, 4)
            boxes = np.concatenate(
                [xywh[:, 1::-1], (xywh[:, :2] + xywh[:, 2:])[:, ::-1]], 1
            )
            put_detections(
                example,
                boxes / 128,
                [r["category_id"] for r in rows],
                [r["score"] for r in rows],
            )
            del features["image/encoded"]
            writer.write(example.SerializeToString())
    of_records = evaluate_detections(config, tmp_path / "found.record")
    assert 0 < of_results[MAP] < 1
    assert of_records == pytest.approx(of_results, abs=1e-6)


ROW = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.5}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"images": []}, "is a COCO data set; COCO results are a list"),
        ([ROW, 7], "detection number 1: is 7"),
        ([{"image_id": 1}], "detection number 0: has no 'category_id'"),
        ([ROW, {**ROW, "image_id": 77}], "detection number 1: the image 77 is in no"),
        ([{**ROW, "image_id": None}], "detection number 0: image_id"),
        ([{**ROW, "category_id": 9}], "number 0: class 9 is not in the label map"),
        ([{**ROW, "category_id": "car"}], "category_id is 'car', not a whole"),
        ([{**ROW, "bbox": [1, 2, 3]}], "bbox is [1, 2, 3], not four finite"),
        ([{**ROW, "bbox": [1, 2, -3, 4]}], "has a width or height below 0"),
        ([{**ROW, "bbox": [200, 2, 30, 40]}], "lies outside the image of 128x128"),
        ([{**ROW, "bbox": [0.1, 0.2, 0.3, 0.4]}], "seem to be in 0..1"),
        ([{**ROW, "score": "high"}], "score is 'high', not a finite number"),
        ([ROW, ROW], "number 1: is the same as"),
    ],
)
def test_wrong_results_are_named(config, tmp_path, value, message):
    with pytest.raises(UserError) as error:
        evaluate_detections(config, written(tmp_path, value))
    assert message in str(error.value)
    assert not (tmp_path / "eval").exists()


def test_wrong_records_are_named(config, data, tmp_path):
    with pytest.raises(UserError, match=r"record 0: has no image/detection/\*"):
        evaluate_detections(config, f"{data}/scenes.record-*")


def test_a_checkpoint_or_detections(config, data, tmp_path, capsys):
    path = tiny.write_config(tmp_path, data)
    assert main(["eval", str(path)]) == 2
    assert main(["eval", str(path), "run", "--detections", "x.json"]) == 2
    assert main(["eval", str(path), "--detections", "x.json", "--follow"]) == 2
    assert main(["eval", str(path), "--detections", f"{tmp_path}/x.json"]) == 2
    assert "cannot read the file of detections" in capsys.readouterr().err
