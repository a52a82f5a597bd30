"""`od-api eval A B`: two runs, or files of detections, on the same images."""

import json

import pytest
import random_checkpoint
import tiny

from od_api.cli import main
from od_api.compare import compare
from od_api.config.loading import load_config, write_config
from od_api.core.errors import UserError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("compared"), num_images=6)


@pytest.fixture(scope="module")
def detections(data):
    """Paths of files: all objects, and those without the first image's."""
    rows = [
        {k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 0.9}
        for a in json.loads((data / "annotations.json").read_text())["annotations"]
    ]
    first = rows[0]["image_id"]
    whole, part = data / "whole.json", data / "part.json"
    whole.write_text(json.dumps(rows))
    part.write_text(json.dumps([r for r in rows if r["image_id"] != first]))
    return whole, part


def run(folder, data, text=("", "")):
    """The directory of a run that was not trained, with its config."""
    folder.mkdir()
    path = tiny.write_config(folder, data, *text)
    random_checkpoint.write(load_config(path), folder)
    write_config(load_config(path), folder / "pipeline.config")
    return folder


def test_files_of_detections(data, detections, tmp_path, caplog):
    config = str(tiny.write_config(tmp_path, data))
    whole, part = map(str, detections)
    arguments = ["eval", config, part, whole, "--bootstrap", "200"]
    with caplog.at_level("INFO"):
        assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    assert f"second: {whole}" in caplog.text
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())[""]
    assert report["images"] == 6 and report["samples"] == 200
    gained = report["difference"]
    assert (
        0
        < gained["mAP"]["value"]
        == pytest.approx(
            report["second"]["mAP"]["value"] - report["first"]["mAP"]["value"]
        )
    )
    assert report["second"]["mAP"]["value"] == pytest.approx(1.0)
    assert gained["mAP"]["low"] <= gained["mAP"]["value"] <= gained["mAP"]["high"]
    assert report["errors"]["missed"]["first"] > report["errors"]["missed"]["second"]
    assert not (data / "eval").exists()


def test_runs_need_no_config_beside_them(data, detections, tmp_path, caplog):
    """A run and itself; a run and detections, by its config; one run alone."""
    one = run(tmp_path / "one", data)
    with caplog.at_level("INFO"):
        assert main(["eval", str(one), str(one), "--bootstrap", "20"]) == 0
        assert "-0.000" not in caplog.text and "+0.000" in caplog.text
        assert main(["eval", str(one), "--bootstrap", "0"]) == 0
    assert (one / "eval" / "report.html").is_file()
    found = one / "eval" / "detections.json"
    config = str(one / "pipeline.config")
    report = compare(found, detections[0], config, samples=50)[""]
    assert report["difference"]["second_is_higher"] == 1.0


def test_what_has_no_config_is_refused(data, detections, tmp_path):
    with pytest.raises(UserError, match="is a file of detections: name the config"):
        compare(*detections)
    with pytest.raises(UserError, match=r"has no pipeline\.config"):
        compare(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b", "c"], "compares two, but 3 are named"),
        (["a", "b", "--follow"], "--follow is for one checkpoint, not for two"),
        (["a", "b", "--bootstrap", "0"], "compared by samples of the images"),
        (["a", "--bootstrap", "1"], "intervals need many samples"),
        (["a", "--bootstrap", "-5"], "--bootstrap is -5"),
        (["a", "--no-report", "--per-class"], "--per-class has no effect with"),
        (
            ["a", "--follow", "--bootstrap", "9"],
            "--bootstrap has no effect with --foll",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(data, tmp_path, capsys, arguments, message):
    config = tiny.write_config(tmp_path, data)
    assert main(["eval", str(config), *arguments]) == 2
    assert message in capsys.readouterr().err
