"""Open Images' CSV files: boxes, flags, labels of images, and what is left out."""

import json

import pytest
from data_set_kit import boxes, picture, read

from od_api.cli import main
from od_api.core.errors import UserError
from od_api.data.converters.open_images_csv import convert_open_images
from od_api.data.label_map import LabelMap

BOXES = """ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,\
IsTruncated,IsGroupOf,IsDepiction,IsInside
00a,xclick,/m/dog,1,0.25,0.75,0.5,1,1,0,0,0,0
00a,xclick,/m/cat,1,0,0.5,0,0.5,0,0,1,-1,0
00c,xclick,/m/cat,1,0,0.5,0,0.5,0,0,0,0,0
"""
LABELS = """ImageID,Source,LabelName,Confidence
00a,verification,/m/dog,1
00a,verification,/m/tree,1
00b,verification,/m/cat,0
"""
NAMES = "/m/cat,Cat\n/m/dog,Dog\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("00a", "00b", "00x"):
        (tmp_path / "images" / f"{name}.jpg").write_bytes(picture(40, 20))
    for name, text in (("boxes", BOXES), ("labels", LABELS), ("names", NAMES)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_old_fields(folder, capsys):
    status = main(
        [
            *("data", "convert", "--from", "openimages"),
            *("--annotations", f"{folder}/boxes.csv", "--images", f"{folder}/images"),
            *("--image-labels", f"{folder}/labels.csv"),
            *("--names", f"{folder}/names.csv", "--output", f"{folder}/x.record"),
        ]
    )
    assert status == 0
    first, second = read(folder / "x.record")
    assert first["image/source_id"] == [b"00a"]
    assert boxes(first).tolist() == [[0.5, 0.25, 1, 0.75], [0, 0, 0.5, 0.5]]
    assert first["image/object/class/text"] == [b"/m/dog", b"/m/cat"]
    assert first["image/object/class/label"] == [2, 1]
    assert first["image/object/group_of"] == [0, 1]
    assert first["image/object/occluded"] == [1, 0]
    assert first["image/object/depiction"] == [0, 0]
    assert first["image/class/text"] == [b"/m/dog"]
    assert first["image/class/confidence"] == [1.0]
    assert second["image/class/label"] == [1]
    assert second["image/class/confidence"] == [0.0]
    assert not boxes(second).size
    assert LabelMap.load(folder / "label_map.pbtxt").names == ["Cat", "Dog"]
    told = capsys.readouterr().out
    assert "not in the folder: 1\n  00c" in told
    assert "no CSV file speaks: 1" in told and "00x.jpg" in told


def test_classes_of_a_label_map(folder):
    LabelMap.from_names(["/m/cat"]).save(folder / "cats.pbtxt")
    summary = convert_open_images(
        folder / "boxes.csv",
        folder / "images",
        folder / "x.record",
        label_map_in=folder / "cats.pbtxt",
        progress=False,
    )
    assert summary["per_class"] == {"/m/cat": 1}
    assert summary["skipped"]["box of a class that the label map lacks"] == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LabelName", "Label", r"boxes\.csv:1: has no column LabelName"),
        ("0.25,0.75", "left,0.75", r"boxes\.csv:2: XMin: 'left' is not a number"),
        ("0.25,0.75", "25,75", r"boxes\.csv:2: XMin is 25, and edges are in 0\.\.1"),
        ("xclick,/m/dog,1", "xclick", r"boxes\.csv:2: has more or fewer columns"),
        ("00a", "zzz", "has none of those that the CSV files speak of"),
    ],
)
def test_wrong_files_are_named(folder, old, new, message):
    (folder / "boxes.csv").write_text(BOXES.replace(old, new))
    with pytest.raises(UserError, match=message):
        convert_open_images(
            folder / "boxes.csv", folder / "images", folder / "x", progress=False
        )
    assert not list(folder.glob("x-*"))


def test_the_label_map_has_the_hierarchy(folder):
    tree = {"LabelName": "/m/pet", "Subcategory": [{"LabelName": "/m/cat"}]}
    (folder / "h.json").write_text(json.dumps(tree))
    (folder / "names.csv").write_text(f"/m/pet,Pet\n{NAMES}")
    images, options = folder / "images", {"names": folder / "names.csv"}
    options["label_map_out"] = folder / "with.pbtxt"
    for _ in range(2):  # The second time it is there already.
        convert_open_images(
            folder / "boxes.csv",
            images,
            f"{folder}/x.record",
            hierarchy=folder / "h.json",
            **options,
        )
    label_map = LabelMap.load(folder / "with.pbtxt")
    assert list(label_map.item(2).ancestor_ids) == [1]
    assert list(label_map.item(1).descendant_ids) == [2]
    LabelMap.from_names(["/m/cat", "/m/dog"]).save(folder / "with.pbtxt")
    (folder / "h.json").write_text(json.dumps(tree).replace("pet", "dog"))
    with pytest.raises(UserError, match=r"with\.pbtxt is there already, and has not"):
        convert_open_images(
            folder / "boxes.csv",
            images,
            f"{folder}/x.record",
            hierarchy=folder / "h.json",
            **options,
        )
