"""YOLO text labels to TFRecords: hand-made files, then the real ones."""

import os
import unicodedata

import data_set_kit as kit
import numpy as np
import pytest
from PIL import Image

from od_api.core.errors import UserError
from od_api.data.converters.coco_json import convert_coco
from od_api.data.converters.yolo import convert_yolo
from od_api.data.converters.yolo_names import load_names
from od_api.data.label_map import LabelMap


@pytest.fixture
def convert(tmp_path):
    """Writes the label text of a.jpg, converts: (summary, records)."""
    images, labels = tmp_path / "images" / "sub", tmp_path / "labels" / "sub"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    (images / "a.jpg").write_bytes(kit.picture(200, 100))

    def run(text, **settings):
        (labels / "a.txt").write_text(text)
        settings = {"label_map_out": tmp_path / "map", "progress": False, **settings}
        summary = convert_yolo(
            images.parent, labels.parent, ["cat", "dog"], tmp_path / "yolo", **settings
        )
        return summary, kit.read(tmp_path / "yolo")

    return run


def test_one_image_by_hand(convert, tmp_path):
    """Centre .2, .25 and size .2, .3: x .1 to .3, y .1 to .4; index 1 is id 2."""
    summary, (record,) = convert("1 0.2 0.25 0.2 0.3\n\n0 0.5 0.5 1 1\n")
    np.testing.assert_allclose(
        kit.boxes(record), [[0.1, 0.1, 0.4, 0.3], [0, 0, 1, 1]], rtol=1e-5
    )
    assert record["image/object/class/label"] == [2, 1]
    assert record["image/object/class/text"] == [b"dog", b"cat"]
    assert record["image/source_id"] == [b"sub/a.jpg"]
    assert LabelMap.load(tmp_path / "map").names == ["cat", "dog"]
    assert summary["per_class"] == {"cat": 1, "dog": 1}
    assert summary["images_without_label_file"] == 0


def test_polygons_become_boxes(convert):
    _, (record,) = convert("0 0.1 0.2 0.5 0.9 0.3 0.1")
    np.testing.assert_allclose(kit.boxes(record), [[0.1, 0.1, 0.9, 0.5]], rtol=1e-5)


def test_images_without_objects_are_kept(convert, tmp_path):
    (tmp_path / "images" / "b.png").write_bytes(kit.picture(50, 50, kind="PNG"))
    summary, records = convert("")
    assert summary["images"] == summary["images_without_boxes"] == len(records) == 2
    assert summary["images_without_label_file"] == 1


def test_boxes_of_size_zero_are_counted_and_left_out(convert):
    summary, (record,) = convert("0 0.5 0.5 0 0.1")
    assert summary["skipped"] == {"box of size zero": 1}
    assert "a.txt:1" in summary["examples"]["box of size zero"][0]
    assert kit.boxes(record).size == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.1 0.1\n0 0.5 x 0.1 0.1", r"a\.txt:2: 'x' is not a number"),
        ("0 0.5 0.5 0.1", r"a\.txt:1: has 4 columns"),
        ("0 0.5 0.5 0.1 0.1 0.9", r"a\.txt:1: has 6 columns"),
        ("2 0.5 0.5 0.1 0.1", r"a\.txt:1: class '2', but there are names for 0 to 1"),
        ("0.5 0.5 0.5 0.1 0.1", r"a\.txt:1: class '0\.5'"),
        ("0 100 50 20 10", r"a\.txt:1: 100 is not within 0\.\.1; divide pixels"),
        ("0 nan 0.5 0.1 0.1", r"a\.txt:1: 'nan' is not a number"),
    ],
)
def test_malformed_lines_are_named(convert, text, message):
    with pytest.raises(UserError, match=message):
        convert(text)


def test_keypoints_are_left_out_and_counted(convert, tmp_path):
    """The box is the four numbers behind the class: x .55 to .65, y .6 to .8."""
    (tmp_path / "data.yaml").write_text("names: [cat, dog]\nkpt_shape: [2, 2]")
    (tmp_path / "images" / "sub" / "a.jpg").write_bytes(kit.picture(200, 100))
    labels = tmp_path / "labels" / "sub" / "a.txt"
    labels.write_text("1 0.6 0.7 0.1 0.2 0.58 0.68 0.62 0.72\n0 0.5 0.5 1 1")
    folders = tmp_path / "images", tmp_path / "labels", tmp_path / "data.yaml"
    summary = convert_yolo(*folders, tmp_path / "pose", progress=False)
    (record,) = kit.read(tmp_path / "pose")
    np.testing.assert_allclose(kit.boxes(record)[0], [0.6, 0.55, 0.8, 0.65], rtol=1e-5)
    assert summary["notes"] == {
        "objects with keypoints, of which the box was taken alone": 1
    }


def test_photos_that_lie_are_written_upright(convert, tmp_path):
    """Labels are those of what people see, and so is the record."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = kit.picture(200, 100, exif=exif)
    (tmp_path / "images" / "sub" / "a.jpg").write_bytes(photo)
    summary, (record,) = convert("0 0.2 0.2 0.2 0.2")
    assert (record["image/height"], record["image/width"]) == ([200], [100])
    np.testing.assert_allclose(kit.boxes(record), [[0.1, 0.1, 0.3, 0.3]], rtol=1e-5)
    assert summary["notes"] == {
        "images turned upright, as their EXIF orientation says": 1
    }


def test_names_of_other_systems(convert, tmp_path):
    """Capitals in endings, the two forms of Unicode, and what is hidden."""
    images, labels = tmp_path / "images", tmp_path / "labels"
    pairs = [
        ("B.JPG", "B.TXT"),
        (unicodedata.normalize("NFD", "\u00e9.png"), "\u00e9.txt"),
    ]
    for seed, (image, label) in enumerate(pairs):
        kind = "JPEG" if image.endswith("JPG") else "PNG"
        (images / image).write_bytes(kit.picture(9, 9, seed, kind))
        (labels / label).write_text("1 0.5 0.5 1 1")
    for folder, name in ((images, "a.jpg"), (labels, "a.txt")):
        (folder / ".ipynb_checkpoints").mkdir()
        (folder / ".ipynb_checkpoints" / name).write_text("")
        (folder / f"._{name}").write_text("")
    summary, records = convert("0 0.5 0.5 1 1")
    assert summary["per_class"] == {"cat": 1, "dog": 2} and len(records) == 3
    assert summary["skipped"] == {}


def test_images_and_labels_beside_each_other_in_one_folder(tmp_path):
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
        (tmp_path / split / "images" / "a.jpg").write_bytes(kit.picture(9, 9))
        (tmp_path / split / "labels" / "a.txt").write_text("0 0.5 0.5 1 1")
    arguments = tmp_path, tmp_path, ["cat"], tmp_path / "out"
    assert convert_yolo(*arguments, progress=False)["boxes"] == 2


def test_a_label_that_is_no_file_is_not_taken_for_none(convert, tmp_path):
    (tmp_path / "images" / "b.jpg").write_bytes(kit.picture(9, 9))
    os.mkfifo(tmp_path / "labels" / "b.txt")
    with pytest.raises(UserError, match=r"b\.txt: it is a named pipe"):
        convert("")


def test_one_label_file_for_two_images_is_refused(convert, tmp_path):
    (tmp_path / "images" / "sub" / "a.png").write_bytes(kit.picture(9, 9, kind="PNG"))
    with pytest.raises(
        UserError, match=r"a\.txt belongs to two .*a\.jpg and sub/a\.png"
    ):
        convert("0 0.5 0.5 1 1")


def test_labels_without_image_are_counted(convert, tmp_path):
    (tmp_path / "labels" / "lost.txt").write_text("")
    (tmp_path / "labels" / "classes.txt").write_text("cat")
    summary, _ = convert("")
    assert summary["skipped"] == {"label file without an image": 1}
    (where,) = summary["examples"]["label file without an image"]
    assert where.endswith("lost.txt")


def test_formats_that_are_not_read(convert, tmp_path):
    """A labelled one is a bad image; another one is no image of the data set."""
    (tmp_path / "images" / "b.tif").write_bytes(b"II*\0")
    summary, _ = convert("")
    assert summary["skipped"] == {"file of a format that is not read": 1}
    (tmp_path / "labels" / "b.txt").write_text("")
    with pytest.raises(UserError, match=r"b\.tif: is TIFF, which is not read"):
        convert("")
    assert convert("", skip_bad_images=True)[0]["skipped"] == {"bad image": 1}


def test_folders_that_do_not_belong_together(convert, tmp_path):
    convert("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="not one image of"):
        convert_yolo(tmp_path / "images", tmp_path / "empty", ["x"], tmp_path / "o")
    with pytest.raises(UserError, match="there are no images here"):
        convert_yolo(tmp_path / "labels", tmp_path, ["x"], tmp_path / "o")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "cat\ntraffic light\n"),
        ("d.yaml", "nc: 2\nnames: [cat, 'traffic light']\ntrain: x\n"),
        ("d.yaml", 'names: {0: cat, 1: "traffic light"}\n'),
        ("d.yaml", "# c\nnames:\n  0: cat  # pet\n  1: traffic light\n\nval: y\n"),
        ("d.yaml", "names:\n- cat\n- traffic light\nval: y\n"),
        ("d.yml", "names:\n  - 'cat'\n  - traffic light"),
    ],
)
def test_forms_of_class_names(tmp_path, file, text):
    (tmp_path / file).write_text(text)
    assert load_names(tmp_path / file).names == ["cat", "traffic light"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nc: 3\n", "has no 'names:'"),
        ("names: []\n", "has no class names"),
        ("names:\n  0: cat\n  2: dog\n", "must count 0, 1, 2"),
    ],
)
def test_malformed_class_names(tmp_path, text, message):
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        load_names(tmp_path / "d.yaml")


def test_coco128_agrees_with_its_coco_json(data_dir, tmp_path):
    """The JSON was made from these labels: same boxes, to its two decimals."""
    folder = data_dir / "coco128"
    summary = convert_yolo(
        folder / "images" / "val2017",
        folder / "object_detection" / "labels" / "val2017",
        folder / "object_detection" / "config.yaml",
        tmp_path / "yolo",
        progress=False,
    )
    convert_coco(
        folder / "derived_instances_val2017.json",
        folder / "images" / "val2017",
        tmp_path / "coco",
        progress=False,
    )
    assert summary["images"] == 128 and summary["boxes"] == 898
    ours, theirs = kit.read(tmp_path / "yolo"), kit.read(tmp_path / "coco")
    for yolo, coco in zip(ours, theirs, strict=True):
        assert yolo["image/filename"] == coco["image/filename"]
        texts = "image/object/class/text"
        assert yolo.get(texts) == coco.get(texts)
        np.testing.assert_allclose(kit.boxes(yolo), kit.boxes(coco), atol=2e-4)
