"""COCO files and their images, in the layouts of several tools."""

import json

import pytest
from labelled_folders import SIX, parts_of, write_coco, write_images

from od_api.core.errors import UserError
from od_api.init.coco_parts import coco_parts
from od_api.init.data_kinds import Files


def names_of(found):
    return {part: [i.path.stem for i in items] for part, items in found.parts.items()}


def test_one_file_and_a_folder_of_images(tmp_path):
    write_images(tmp_path / "photos" / "all", SIX)
    write_coco(tmp_path / "labels.json", SIX)
    found = coco_parts(Files(tmp_path))
    assert names_of(found) == {"whole": list(SIX)}
    assert all(item.path.is_file() for item in found.parts["whole"])
    assert found.label_map.names == ["cat", "dog"]


def test_files_of_parts_as_coco_has_them(tmp_path):
    """Names are the same in both folders, and captions have no boxes."""
    same = {"a": SIX["p0"], "b": SIX["p1"]}
    for seed, part in enumerate(("train2017", "val2017")):
        write_images(tmp_path / part, same, seed=10 * seed)
        write_coco(tmp_path / "annotations" / f"instances_{part}.json", same)
        write_coco(tmp_path / "annotations" / f"person_keypoints_{part}.json", same)
    found = coco_parts(Files(tmp_path))
    assert names_of(found) == {"train": ["a", "b"], "val": ["a", "b"]}
    folders = {part: items[0].path.parent.name for part, items in found.parts.items()}
    assert folders == {"train": "train2017", "val": "val2017"}


def test_a_file_beside_the_images_of_each_part(tmp_path):
    for part, images in parts_of(SIX, train=3, valid=2, test=1).items():
        write_images(tmp_path / part, images)
        write_coco(tmp_path / part / "_annotations.coco.json", images)
    found = coco_parts(Files(tmp_path))
    assert {p: len(items) for p, items in found.parts.items()} == {
        "train": 3,
        "val": 2,
        "test": 1,
    }


def test_the_file_that_is_named_is_taken_alone(tmp_path):
    write_images(tmp_path, SIX)
    for name in ("old.json", "new.json"):
        write_coco(tmp_path / name, SIX)
    with pytest.raises(UserError, match="several annotation files"):
        coco_parts(Files(tmp_path))
    assert names_of(coco_parts(Files(tmp_path / "new.json"))) == {"whole": list(SIX)}


def test_category_ids_from_0_and_with_gaps_become_1_2(tmp_path):
    write_images(tmp_path, SIX)
    path = tmp_path / "a.json"
    write_coco(path, SIX)
    data = json.loads(path.read_text())
    for entry in (*data["categories"], *data["annotations"]):
        key = "category_id" if "category_id" in entry else "id"
        entry[key] = {1: 0, 2: 7}[entry[key]]
    path.write_text(json.dumps(data))
    found = coco_parts(Files(tmp_path))
    assert found.label_map.num_classes == 2
    boxes = found.parts["whole"][1].make_boxes(80, 60)
    assert [(b.class_text, b.class_id) for b in boxes] == [("cat", 1), ("dog", 2)]


def test_images_that_are_nowhere_are_refused(tmp_path):
    write_coco(tmp_path / "a.json", SIX)
    with pytest.raises(UserError, match=r"p0.jpg is in no folder .*--images"):
        coco_parts(Files(tmp_path))


def test_a_data_set_without_a_part_to_train_on_is_refused(tmp_path):
    write_images(tmp_path, SIX)
    write_coco(tmp_path / "test.json", SIX)
    with pytest.raises(UserError, match="nothing to train on"):
        coco_parts(Files(tmp_path))
