"""The data commands, as the command line runs them."""

import argparse
import json

import data_set_kit as kit
import pytest

from od_api.commands import data_check_command
from od_api.core.errors import UserError
from od_api.data import data_commands
from od_api.data.label_map import LabelMap


def _run(*arguments):
    parser = argparse.ArgumentParser()
    actions = parser.add_subparsers(required=True)
    data_commands.add_parsers(actions)
    data_check_command.add_arguments(actions.add_parser("check"))
    args = parser.parse_args([str(a) for a in arguments])
    return args.func(args)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth") / "scenes"
    size = ("--height", 64, "--width", 96)
    assert _run("synth", folder, "--splits", "train=6", "val=2", *size) == 0
    return folder


def test_synth_writes_pictures_json_label_map_and_records(scenes):
    names = sorted(path.name for path in (scenes / "train").iterdir())
    assert names == [
        "annotations.json",
        "images",
        "label_map.pbtxt",
        "scenes.record-00000-of-00001",
    ]
    assert sorted(p.name for p in scenes.iterdir()) == ["train", "val"]
    coco = json.loads((scenes / "train" / "annotations.json").read_text())
    records = kit.read(scenes / "train" / "scenes.record")
    assert len(records) == 6 == len(coco["images"])
    assert sum(len(kit.boxes(r)) for r in records) == len(coco["annotations"])
    assert records[0]["image/height"] == [64] and records[0]["image/width"] == [96]


def test_synthetic_records_pass_the_check(scenes, capsys):
    label_map = ("--label-map", scenes / "train" / "label_map.pbtxt")
    patterns = (f"{scenes}/train/scenes.record-*", f"{scenes}/val/scenes.record-*")
    status = _run("check", *patterns, *label_map, "--format", "json")
    report = json.loads(capsys.readouterr().out)
    assert status == 0 and report["ok"] and report["records"] == 8
    assert not [f for f in report["findings"] if f["kind"] == "duplicate_image"]


def test_check_exits_with_2_when_there_are_errors(scenes, tmp_path, capsys):
    LabelMap.from_names(["one"]).save(tmp_path / "map")
    broken = tmp_path / "x.record"
    content = (scenes / "val" / "scenes.record-00000-of-00001").read_bytes()
    broken.write_bytes(content[:-1])
    assert _run("check", broken, "--label-map", tmp_path / "map") == 2
    assert "error: corrupt" in capsys.readouterr().out


def test_convert_coco(scenes, tmp_path, capsys):
    folder = scenes / "train"
    status = _run(
        *("convert", "--from", "coco", "--annotations", folder / "annotations.json"),
        *("--images", folder / "images", "--output", tmp_path / "out" / "c.record"),
        *("--num-shards", 2, "--seed", 1, "--include-masks"),
    )
    assert status == 0
    assert "6 images (0 without objects)" in capsys.readouterr().out
    assert LabelMap.load(tmp_path / "out" / "label_map.pbtxt").names[0] == "circle"
    records = kit.read(tmp_path / "out" / "c.record")
    order = [r["image/source_id"][0] for r in records]
    assert len(order) == 6 and order != sorted(order)
    assert all(len(r["image/object/mask"]) == len(kit.boxes(r)) for r in records)


def test_convert_voc_by_split_then_check(data_dir, tmp_path, capsys):
    status = _run(
        *("convert", "--from", "voc", "--annotations", data_dir / "bccd" / "BCCD"),
        *("--split", "val", "--output", tmp_path / "val.record"),
    )
    assert status == 0
    assert "87 images" in capsys.readouterr().out
    label_map = tmp_path / "label_map.pbtxt"
    assert _run("check", tmp_path / "val.record-*", "--label-map", label_map) == 0
    text = capsys.readouterr().out
    assert text.startswith("87 records in 1 files, 87 images decoded")


def test_convert_yolo(data_dir, tmp_path, capsys):
    folder = data_dir / "coco128"
    labels = folder / "object_detection" / "labels" / "train2017"
    status = _run(
        *("convert", "--from", "yolo", "--annotations", labels),
        *("--images", folder / "images" / "train2017"),
        *("--names", folder / "object_detection" / "config.yaml"),
        *("--output", tmp_path / "x.record"),
    )
    assert status == 0
    out = capsys.readouterr().out
    assert "128 images (2 without objects), 929 boxes" in out
    assert "2 images had no label file" in out
    # Labels 656 and 659 have no image; 250 and 508 are images without labels.
    assert "left out, label file without an image: 2" in out
    label_map = tmp_path / "label_map.pbtxt"
    check = ("check", tmp_path / "x.record-*", "--label-map", label_map)
    assert _run(*check, "--format", "json") == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    without = [f["source_id"] for f in findings if f["kind"] == "no_boxes"]
    assert sorted(without) == ["000000000250.jpg", "000000000508.jpg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "coco"), "--images is needed for --from coco"),
        (("--from", "yolo", "--images", "x"), "--names is needed"),
        (("--from", "coco", "--one-based"), "--one-based is for --from voc, not coco"),
        (("--from", "voc", "--names", "x"), "--names is for --from yolo, not voc"),
        (
            ("--from", "kitti", "--classes", "car"),
            "--images is needed for --from kitti",
        ),
        (("--from", "yolo", "--classes", "car"), "--classes is for --from kitti"),
    ],
)
def test_options_of_another_format_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        _run("convert", *arguments, "--annotations", "a", "--output", "o")


def test_summaries_are_safe_to_show():
    summary = {
        **{"images": 1, "images_without_boxes": 0, "boxes": 1, "clipped_boxes": 0},
        "per_class": {"\x1b]0;title\x07": 1},
        "notes": {"images turned": 2},
        "skipped": {"bad image": 1},
        "examples": {"bad image": ["\x1b[2J"]},
    }
    text = data_commands.summary_text(summary)
    assert "\x1b" not in text and "\\x1b]0;title" in text and "2 images turned" in text


def test_a_later_split_says_that_the_label_map_was_there(scenes, tmp_path, capsys):
    for split in ("train", "val"):
        folder = scenes / split
        _run(
            *("convert", "--from", "coco", "--images", folder / "images"),
            *("--annotations", folder / "annotations.json"),
            *("--output", tmp_path / f"{split}.record"),
        )
    first, second = [
        line for line in capsys.readouterr().out.splitlines() if "label map:" in line
    ]
    assert second == f"{first} (was there: its ids are used)"


def test_synth_does_not_overwrite_another_label_map(tmp_path):
    LabelMap.from_names(["cat"]).save(tmp_path / "val" / "label_map.pbtxt")
    arguments = ("synth", tmp_path, "--splits", "val=1", "--height", 48, "--width", 48)
    with pytest.raises(UserError, match=r"label_map\.pbtxt is there already and has"):
        _run(*arguments)
    assert LabelMap.load(tmp_path / "val" / "label_map.pbtxt").names == ["cat"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train", "NAME=IMAGES"),
        ("=5", "NAME=IMAGES"),
        ("train=many", "NAME=IMAGES"),
        ("..=1", "the split '..' becomes the name of a file or folder"),
        ("a/b=1", "the split 'a/b' becomes the name of a file or folder"),
    ],
)
def test_malformed_splits_are_refused(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        _run("synth", tmp_path / "x", "--splits", text)
    assert list(tmp_path.iterdir()) == []
