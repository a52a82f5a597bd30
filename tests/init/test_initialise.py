"""From a folder of labelled images to a detector: init, train, evaluate, export."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from data_set_kit import boxes, read
from labelled_folders import (
    HEIGHT,
    SIX,
    WIDTH,
    write_coco,
    write_images,
    write_voc,
    write_yolo,
)

from od_api import cli, load_config
from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap
from od_api.init.initialise import Wishes, initialise

# Small and without a trial.
QUICK = Wishes(weights="none", batch_size=2, num_steps=2, size=(64, 64))


def coco_folder(folder):
    write_images(folder, SIX)
    write_coco(folder / "a.json", SIX)
    return folder


def run(*arguments):
    return cli.main(["init", *map(str, arguments)])


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo"])
def test_every_kind_gives_the_same_records(kind, tmp_path):
    data = tmp_path / "data"
    write_images(data, SIX)
    if kind == "voc":
        write_voc(data, SIX)
    elif kind == "yolo":
        write_yolo(data, SIX)
        (data / "classes.txt").write_text("cat\ndog\n")
    else:
        write_coco(data / "a.json", SIX)
    said = []
    initialise(data, tmp_path / "out", QUICK, said.append)
    assert "images: 5 to train on, 1 to evaluate on" in said
    _check(tmp_path / "out", 5)


def test_records_are_split_again(tmp_path):
    """One file, of five images, without a label map."""
    initialise(coco_folder(tmp_path / "data"), tmp_path / "first", QUICK, str)
    record = tmp_path / "first" / "data" / "train.record-00000-of-00001"
    initialise(record, tmp_path / "out", QUICK, str)
    _check(tmp_path / "out", 4)


def test_records_in_parts_stay_where_they_are(tmp_path):
    initialise(coco_folder(tmp_path / "data"), tmp_path / "first", QUICK, str)
    config = load_config(initialise(tmp_path / "first", tmp_path / "out", QUICK, str))
    assert list(config.train_input_reader.tf_record_input_reader.input_path) == [
        str(tmp_path / "first" / "data" / "train.record-00000-of-00001")
    ]
    assert not list((tmp_path / "out" / "data").iterdir())


def _check(out, count):
    """Records of so many images to train on and one to evaluate on."""
    train, val = (read(out / f"data/{part}.record") for part in ("train", "val"))
    assert (len(train), len(val)) == (count, 1)
    record = next(r for r in train + val if r["image/filename"] == [b"p1.jpg"])
    wanted = [[y, x, y + h, x + w] for _, x, y, w, h in SIX["p1"]]
    scale = np.array([HEIGHT, WIDTH, HEIGHT, WIDTH])
    np.testing.assert_allclose(boxes(record) * scale, wanted, atol=1e-3)
    label_map = LabelMap.load(str(out / "label_map.pbtxt"))
    assert label_map.names == ["cat", "dog"]


def test_a_seed_gives_one_folder(tmp_path):
    data = coco_folder(tmp_path / "data")
    for name in ("one", "two"):
        initialise(data, tmp_path / name, QUICK, str)
    first, second = (
        (tmp_path / n / "data" / "val.record-00000-of-00001").read_bytes()
        for n in ("one", "two")
    )
    assert first == second


def refused(arguments, words, out, capsys):
    """The command ends with 2, says what is wrong, and leaves nothing."""
    before = sorted(out.parent.rglob("*"))
    assert run(*arguments, "--out", out) == 2
    assert words in capsys.readouterr().err
    assert sorted(out.parent.rglob("*")) == before


QUICKLY = ("--weights", "none", "--batch-size", "2")


def test_refusals_leave_nothing_behind(tmp_path, capsys):
    data, out = coco_folder(tmp_path / "data"), tmp_path / "out"
    refused([data, *QUICKLY, "--detector", "yolo"], "there is no detector", out, capsys)
    refused([data, *QUICKLY, "--size", "big"], "--size big: write it", out, capsys)
    refused([data, *QUICKLY, "--num-steps", "0"], "from 1 up", out, capsys)
    refused([data, "--weights", "gone.h5"], "gone.h5", out, capsys)
    refused([tmp_path / "none", *QUICKLY], "does not exist", out, capsys)
    (data / "p3.jpg").write_bytes(b"no image")
    refused([data, *QUICKLY], "p3.jpg", out, capsys)
    flags = (*QUICKLY, "--val-fraction", "0.34", "--skip-bad-images")
    assert run(data, *flags, "--out", out) == 0


def test_a_size_of_a_detector_without_one_is_refused(tmp_path, capsys):
    data, out = coco_folder(tmp_path / "data"), tmp_path / "out"
    flags = (*QUICKLY, "--detector", "rfcn_resnet101_600x1024", "--size", "300")
    refused([data, *flags], "keeps the shape of images", out, capsys)


def test_an_output_that_is_there_is_refused_before_anything(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x")
    with pytest.raises(UserError, match="out exists already"):
        initialise(tmp_path / "not looked at", out, QUICK)
    assert (out / "mine.txt").read_text() == "x"


def test_what_is_wrong_in_a_trial_leaves_nothing(tmp_path, monkeypatch):
    def wrong(*_):
        raise UserError("the memory of this machine is too small")

    monkeypatch.setattr("od_api.init.batch_search.found_batch", wrong)
    data, out = coco_folder(tmp_path / "data"), tmp_path / "out"
    with pytest.raises(UserError, match="too small"):
        initialise(data, out, Wishes(weights="none"), str)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_the_config_says_why(tmp_path):
    initialise(coco_folder(tmp_path / "data"), tmp_path / "out", QUICK, str)
    text = (tmp_path / "out" / "pipeline.config").read_text()
    assert text.startswith("# ssd_mobilenet_v2_fpnlite_320 on 5 images (10 boxes)")
    for comment in (
        "# As the label map has them.\n    num_classes: 2",
        "# As num_steps.\n          total_steps: 2",
        "# No image has more than 2.\n  max_number_of_boxes: 10",
    ):
        assert comment in text


def test_one_class_will_do(tmp_path):
    data = coco_folder(tmp_path / "data")
    content = json.loads((data / "a.json").read_text())
    content["categories"] = content["categories"][:1]
    content["annotations"] = [
        a for a in content["annotations"] if a["category_id"] == 1
    ]
    (data / "a.json").write_text(json.dumps(content))
    config = load_config(initialise(data, tmp_path / "out", QUICK, str))
    assert config.model.ssd.num_classes == 1


def test_a_folder_that_moves_keeps_its_config(data_dir, tmp_path):
    """Weights, records and label map go with it; the text has no path of before."""
    file = data_dir / "weights_imagenet/mobilenet_v2_1.0_224_dequant_qat_no_top.h5"
    wishes = dataclasses.replace(QUICK, weights=str(file))
    out = tmp_path / "out"
    initialise(coco_folder(tmp_path / "data"), out, wishes, str)
    assert str(tmp_path) not in (out / "pipeline.config").read_text()
    moved = out.rename(tmp_path / "moved")
    config = load_config(moved / "pipeline.config")
    weights = config.train_config.fine_tune_checkpoint
    assert weights == str(moved / "weights" / file.name)
    assert pathlib.Path(weights).read_bytes() == file.read_bytes()
    for reader in (config.train_input_reader, *config.eval_input_reader):
        paths = [reader.label_map_path, *reader.tf_record_input_reader.input_path]
        assert all(pathlib.Path(p).is_file() for p in paths)
        assert all(p.startswith(f"{moved}/") for p in paths)


def test_list_shows_detectors_without_a_data_set(capsys):
    assert cli.main(["init", "--list"]) == 0
    shown = capsys.readouterr().out
    assert "ssd_mobilenet_v2_fpnlite_320" in shown
    assert cli.main(["init"]) == 2
    assert "name the data set and --out" in capsys.readouterr().err
