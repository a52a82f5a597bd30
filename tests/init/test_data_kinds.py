"""What a folder holds is told by its files, and doubt is said."""

import pytest
from labelled_folders import SIX, write_coco, write_images, write_voc, write_yolo

from od_api.core.errors import UserError
from od_api.init.data_kinds import Files, kind_of


def test_kinds_are_told_apart(tmp_path):
    for name in ("coco", "voc", "yolo"):
        write_images(tmp_path / name, SIX)
    write_coco(tmp_path / "coco" / "a.json", SIX)
    write_voc(tmp_path / "voc", SIX)
    write_yolo(tmp_path / "yolo", SIX)
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "train.record-00000-of-00001").write_bytes(b"")
    kinds = {p.name: kind_of(Files(p)) for p in sorted(tmp_path.iterdir())}
    assert kinds == {
        "coco": "coco",
        "records": "tfrecord",
        "voc": "voc",
        "yolo": "yolo",
    }


def test_files_of_other_programs_are_no_annotations(tmp_path):
    write_images(tmp_path, SIX)
    write_voc(tmp_path, SIX)
    (tmp_path / "package.json").write_text('{"images": 1}')
    (tmp_path / "docker.yaml").write_text("services: 1\n")
    (tmp_path / "p0.txt").write_text("a photo of a cat\n")
    assert kind_of(Files(tmp_path)) == "voc"


@pytest.mark.parametrize("name", ["a.json", "data.yaml", "x.tfrecord"])
def test_a_file_is_what_its_name_says(tmp_path, name):
    (tmp_path / name).write_text("names: [a]")
    write_voc(tmp_path, SIX)
    kinds = {"a.json": "coco", "data.yaml": "yolo", "x.tfrecord": "tfrecord"}
    assert kind_of(Files(tmp_path / name)) == kinds[name]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="is empty"):
        Files(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        Files(tmp_path / "none")


def test_images_without_annotations_are_refused(tmp_path):
    write_images(tmp_path, SIX)
    with pytest.raises(UserError, match="has 6 images, but no annotations"):
        kind_of(Files(tmp_path))


def test_several_kinds_are_refused_unless_one_is_named(tmp_path):
    write_images(tmp_path, SIX)
    write_coco(tmp_path / "a.json", SIX)
    write_voc(tmp_path, SIX)
    with pytest.raises(
        UserError, match=r"COCO JSON \(a.json\), Pascal VOC XML .*--from"
    ):
        kind_of(Files(tmp_path))
    assert kind_of(Files(tmp_path), "voc") == "voc"
    with pytest.raises(UserError, match=r"no annotations .*\(YOLO text labels\)"):
        kind_of(Files(tmp_path), "yolo")


def test_a_file_of_no_kind_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("a,b")
    with pytest.raises(UserError, match="name a folder, a COCO JSON"):
        kind_of(Files(tmp_path / "a.csv"))
