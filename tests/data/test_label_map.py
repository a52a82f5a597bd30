"""Label maps: names, ids, and errors that say where."""

import pytest

from od_api.core.errors import ConfigError, UserError
from od_api.data.label_map import LabelMap
from od_api.protos import string_int_label_map_pb2


def write(tmp_path, text):
    path = tmp_path / "map.pbtxt"
    path.write_text(text)
    return path


def test_coco_has_gaps(data_dir):
    """80 classes with ids to 90: num_classes is the largest id."""
    folder = data_dir / "odapi_fixtures" / "label_maps"
    coco = LabelMap.load(folder / "mscoco_label_map.pbtxt")
    assert coco.num_classes == 90 and len(coco.ids) == 80 and 12 not in coco.ids
    assert coco.name(1) == "person" and coco.name(12) == "id 12"
    assert coco.id_of("person") == 1 and coco.id_of("/m/01g317") == 1
    assert coco.id_of("") is None and coco.id_of("unicorn") is None
    assert coco.to_coco_categories()[0] == {"id": 1, "name": "person"}
    assert coco.names[-1] == "toothbrush"


def test_background_is_no_class(data_dir):
    folder = data_dir / "odapi_fixtures" / "label_maps"
    coco = LabelMap.load(folder / "mscoco_complete_label_map.pbtxt")
    assert coco.num_classes == 90 and 0 not in coco.ids
    assert coco.id_of("background") is None


def test_all_of_the_old_maps_load(data_dir):
    paths = sorted((data_dir / "odapi_fixtures" / "label_maps").glob("*.pbtxt"))
    assert len(paths) == 13
    for path in paths:
        label_map = LabelMap.load(path)
        assert label_map.ids[0] == 1
        assert [label_map.id_of(n) for n in label_map.names[:1]] == [1]


def test_keypoints_survive_saving(data_dir, tmp_path):
    folder = data_dir / "odapi_fixtures" / "label_maps"
    LabelMap.load(folder / "face_person_with_keypoints_label_map.pbtxt").save(
        tmp_path / "copy.pbtxt"
    )
    copy = LabelMap.load(tmp_path / "copy.pbtxt")
    assert [k.label for k in copy.item(1).keypoints][:1] == ["left_eye_center"]


def test_shared_display_name_goes_to_the_larger_id():
    """As in the old API, whatever the order in the file."""
    message = string_int_label_map_pb2.StringIntLabelMap()
    message.item.add(id=5, name="a", display_name="Cat")
    message.item.add(id=2, name="b", display_name="Cat")
    label_map = LabelMap(message)
    assert label_map.id_of("Cat") == 5 and label_map.id_of("b") == 2
    assert label_map.names == ["Cat", "Cat"] and label_map.ids == [2, 5]


def test_from_names_and_back(tmp_path):
    LabelMap.from_names(["cat", "dog"]).save(tmp_path / "a.pbtxt")
    assert LabelMap.load(tmp_path / "a.pbtxt").text_to_id == {"cat": 1, "dog": 2}
    gaps = LabelMap.from_names({3: "bee", 7: "ant"})
    assert gaps.ids == [3, 7] and gaps.num_classes == 7


def test_binary_file(tmp_path):
    message = string_int_label_map_pb2.StringIntLabelMap()
    message.item.add(id=1, name="person")
    (tmp_path / "map.pb").write_bytes(message.SerializeToString())
    assert LabelMap.load(tmp_path / "map.pb").names == ["person"]


def test_byte_order_mark_and_umlauts(tmp_path):
    path = tmp_path / "map.pbtxt"
    path.write_bytes("\ufeffitem { id: 1 name: 'Bär' }".encode())
    assert LabelMap.load(path).names == ["Bär"]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("item {\n  id: 0\n  name: 'cat'\n}", "2:3", "'cat' has id 0"),
        ("item {\n  name: 'cat'\n}", "2:3", "'cat' has no id"),
        ("item { id: 1 }", "1:1", "the class with id 1 has no name"),
        ("item { id: -1 name: 'a' }", "1:8", "ids start at 1"),
        (
            "item { id: 1 name: 'a' }\nitem { name: 'b' id: 1 }",
            "2:18",
            "id 1 is there twice, as 'a' and 'b'",
        ),
        ("item {\n  id: 1\n  nane: 'cat'\n}", "3:3", "did you mean name?"),
        ("item {\n  id: 1\n  name: 'cat'\n", "3:9", "is never closed"),
        (
            "item {\n  id: 1 name: 'a'\n  name: 'b'\n  id: 2\n}",
            "3:9",
            "an item takes one name, and this is another",
        ),
        ("item { id: 1 id: 2 name: 'a' }", "1:18", "an item takes one id"),
        ("item: [{ id: 1 name: 'a' id: 2 }]", "1:30", "an item takes one id"),
        (
            "item { id: 1 name: 'a' keypoints { id: 0 label: 'x' label: 'y' } }",
            "1:60",
            "a keypoint takes one label",
        ),
        ("item { id: 1 name: ' ' }", "1:1", "has no name"),
        ('{"cat": 1}', "1:1", "this is JSON: a label map is text of the form"),
        ("cat\ndog\n", "", "this is a list of names"),
        ("model { ssd { num_classes: 1 } }", "1:1", "this is a pipeline.config"),
        ("names:\n  0: cat\n", "", "this is a data set's YAML"),
        ("<html></html>", "", "this is XML or HTML"),
        ("", "", "no classes"),
        ("item { id: 0 name: 'background' }", "", "no classes"),
    ],
)
def test_bad_files_are_refused_with_place_and_cure(tmp_path, text, place, message):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        LabelMap.load(path)
    assert f"{path}:{place}" in str(caught.value) or not place
    assert message in str(caught.value)


def test_missing_file_names_the_nearest(tmp_path):
    write(tmp_path, "item { id: 1 name: 'a' }")
    with pytest.raises(UserError, match=r"has map\.pbtxt"):
        LabelMap.load(tmp_path / "mop.pbtxt")
    with pytest.raises(UserError, match="does not exist"):
        LabelMap.load(tmp_path / "nowhere" / "map.pbtxt")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark(tmp_path, encoding):
    path = tmp_path / "map.pbtxt"
    path.write_bytes("item { id: 1 name: 'B\u00e4r' }".encode(encoding))
    assert LabelMap.load(path).names == ["B\u00e4r"]


def test_another_encoding_is_refused_with_its_place(tmp_path):
    path = tmp_path / "map.pbtxt"
    path.write_bytes("item {\n  id: 1 name: 'B\u00e4r' }".encode("cp1252"))
    with pytest.raises(UserError, match=r"map\.pbtxt:2:17: is not UTF-8 text"):
        LabelMap.load(path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"\x08\x96\x01"])
def test_binary_files_of_other_kinds(tmp_path, content):
    (tmp_path / "map.pbtxt").write_bytes(content)
    with pytest.raises(ConfigError, match="neither text nor a binary"):
        LabelMap.load(tmp_path / "map.pbtxt")


def test_odd_names_are_said(tmp_path, caplog):
    LabelMap.load(write(tmp_path, "item { id: 1 name: 'cat ' }"))
    LabelMap.load(write(tmp_path, "item { id: 1 name: 'c\\033at' }"))
    assert "'cat ' begins or ends with a space" in caplog.text
    assert "has control characters" in caplog.text and "\x1b" not in caplog.text
