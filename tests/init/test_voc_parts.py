"""VOC files and their images, with lists of parts and without."""

import pytest
from labelled_folders import SIX, parts_of, write_images, write_voc

from od_api.core.errors import UserError
from od_api.init.data_kinds import Files
from od_api.init.voc_parts import voc_parts


def found_in(folder):
    parts = voc_parts(Files(folder)).parts
    for items in parts.values():
        assert all(item.path.is_file() for item in items)
    return {part: sorted(i.path.stem for i in items) for part, items in parts.items()}


@pytest.mark.parametrize(
    ("annotations", "images"),
    [("", ""), ("Annotations", "JPEGImages"), ("labels/xml", "pictures/a"), ("x", "x")],
)
def test_layouts_without_lists(tmp_path, annotations, images):
    write_voc(tmp_path / annotations, SIX)
    write_images(tmp_path / images, SIX)
    assert found_in(tmp_path) == {"whole": list(SIX)}


def test_lists_of_parts_are_followed(tmp_path):
    write_voc(tmp_path / "VOC" / "Annotations", SIX)
    write_images(tmp_path / "VOC" / "JPEGImages", SIX)
    lists = tmp_path / "VOC" / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("p0\np1\n")
    (lists / "trainval.txt").write_text("p0\np1\np2\np3\n")
    (lists / "cat_train.txt").write_text("p0 1\n")
    (lists / "test.txt").write_text("p4\np5\n")
    assert found_in(tmp_path) == {"train": ["p0", "p1"], "test": ["p4", "p5"]}
    (lists / "train.txt").unlink()
    assert found_in(tmp_path) == {
        "whole": ["p0", "p1", "p2", "p3"],
        "test": ["p4", "p5"],
    }


def test_folders_of_parts_with_xml_beside_the_images(tmp_path):
    for part, images in parts_of(SIX, train=4, valid=2).items():
        write_voc(tmp_path / part, images)
        write_images(tmp_path / part, images)
    assert found_in(tmp_path) == {
        "train": ["p0", "p1", "p2", "p3"],
        "val": ["p4", "p5"],
    }


def test_folders_of_parts_in_folders_of_kinds(tmp_path):
    for part, images in parts_of(SIX, train=4, val=2).items():
        write_voc(tmp_path / "annotations" / part, images)
        write_images(tmp_path / "images" / part, images)
    assert found_in(tmp_path) == {
        "train": ["p0", "p1", "p2", "p3"],
        "val": ["p4", "p5"],
    }


def test_several_voc_folders_are_refused(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        lists = tmp_path / year / "ImageSets" / "Main"
        lists.mkdir(parents=True)
        (lists / "train.txt").write_text("p0\n")
    write_voc(tmp_path / "VOC2007" / "Annotations", SIX)
    with pytest.raises(UserError, match="several VOC folders"):
        voc_parts(Files(tmp_path))


def test_an_annotation_outside_of_the_parts_is_refused(tmp_path):
    for part, images in parts_of(SIX, train=2, val=2, odd=2).items():
        write_voc(tmp_path / part, images)
        write_images(tmp_path / part, images)
    with pytest.raises(UserError, match="is in no part"):
        voc_parts(Files(tmp_path))


def test_no_images_at_all_is_refused(tmp_path):
    write_voc(tmp_path / "x", SIX)
    with pytest.raises(UserError, match="no images beside the XML files"):
        voc_parts(Files(tmp_path))
