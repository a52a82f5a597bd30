"""YOLO labels, with a data.yaml and without."""

import pytest
from labelled_folders import SIX, parts_of, write_images, write_yolo

from od_api.core.errors import UserError
from od_api.init.data_kinds import Files
from od_api.init.yolo_parts import yolo_parts


def found_in(folder, **options):
    found = yolo_parts(Files(folder), **options)
    for items in found.parts.values():
        assert all(item.path.is_file() for item in items)
        assert all(item.make_boxes(80, 60) for item in items)
    return {p: sorted(i.path.stem for i in items) for p, items in found.parts.items()}


def in_parts(folder, images="{part}/images", labels="{part}/labels"):
    for part, own in parts_of(SIX, train=4, valid=2).items():
        write_images(folder / images.format(part=part), own)
        write_yolo(folder / labels.format(part=part), own)


PARTS = {"train": ["p0", "p1", "p2", "p3"], "val": ["p4", "p5"]}


@pytest.mark.parametrize("above", ["", "../"])
def test_a_data_yaml_with_folders_of_parts(tmp_path, above):
    """Exports of Roboflow say ../train/images and mean train/images."""
    in_parts(tmp_path / "x")
    (tmp_path / "x" / "data.yaml").write_text(
        f"train: {above}train/images\nval: {above}valid/images\n"
        f"test: {above}test/images\nnames: [cat, dog]\n"
    )
    found = yolo_parts(Files(tmp_path / "x"))
    assert found_in(tmp_path / "x") == PARTS
    assert found.label_map.names == ["cat", "dog"]
    (note,) = found.notes
    assert "test/images does not exist, and was left out" in note


def test_a_data_yaml_with_path_and_images_before_parts(tmp_path):
    in_parts(tmp_path / "set", "images/{part}", "labels/{part}")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "data.yaml").write_text(
        "path: ../set\ntrain: images/train\nval: images/valid\nnames: [cat, dog]\n"
    )
    assert found_in(tmp_path) == PARTS
    assert found_in(tmp_path / "conf" / "data.yaml") == PARTS


def test_a_data_yaml_with_lists_of_images(tmp_path):
    write_images(tmp_path / "images", SIX)
    write_yolo(tmp_path / "labels", SIX)
    for part, own in parts_of(SIX, train=4, val=2).items():
        lines = [f"./images/{name}.jpg" for name in own]
        (tmp_path / f"{part}.txt").write_text("\n".join(lines))
    (tmp_path / "data.yaml").write_text(
        "train: train.txt\nval: val.txt\nnames: {0: cat, 1: dog}\n"
    )
    assert found_in(tmp_path) == PARTS
    with (tmp_path / "val.txt").open("a") as file:
        file.write("\nimages/gone.jpg")
    with pytest.raises(UserError, match=r"gone.jpg, which is not there"):
        yolo_parts(Files(tmp_path))


def test_one_folder_of_images_and_labels_with_classes_txt(tmp_path):
    write_images(tmp_path, SIX)
    write_yolo(tmp_path, SIX)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert found_in(tmp_path) == {"whole": list(SIX)}


def test_folders_of_parts_without_a_data_yaml(tmp_path):
    in_parts(tmp_path, "images/{part}", "labels/{part}")
    with pytest.raises(UserError, match="nothing says what their classes are called"):
        yolo_parts(Files(tmp_path))
    (tmp_path / "names.list").write_text("cat\ndog\n")
    assert found_in(tmp_path, names=str(tmp_path / "names.list")) == PARTS


def test_a_part_to_train_on_that_is_not_there_is_refused(tmp_path):
    in_parts(tmp_path)
    (tmp_path / "data.yaml").write_text("train: photos\nnames: [cat, dog]\n")
    with pytest.raises(UserError, match=r"data.yaml: train: photos does not exist"):
        yolo_parts(Files(tmp_path))


def test_two_files_of_names_are_refused(tmp_path):
    in_parts(tmp_path)
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("names: [cat, dog]\n")
    with pytest.raises(UserError, match=r"a.yaml and .*b.yaml"):
        yolo_parts(Files(tmp_path))
