"""Label maps as lists and dicts."""

import pytest

from od_api.compat import label_map_util
from od_api.core.errors import ConfigError

TEXT = """
item { id: 2 name: "/m/1" display_name: "dog" }
item {
  id: 5 name: "cat"
  keypoints { id: 0 label: "nose" } keypoints { id: 1 label: "ear" }
}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "labels.pbtxt"
    path.write_text(TEXT)
    return str(path)


def test_categories(path):
    categories = label_map_util.create_categories_from_labelmap(path)
    cat = {"id": 5, "name": "cat", "keypoints": {"nose": 0, "ear": 1}}
    assert categories == [{"id": 2, "name": "dog"}, cat]
    index = label_map_util.create_category_index_from_labelmap(
        path, use_display_name=False
    )
    assert index == {2: {"id": 2, "name": "/m/1"}, 5: cat}


def test_ids_above_the_largest_are_left_out(path):
    label_map = label_map_util.load_labelmap(path)
    convert = label_map_util.convert_label_map_to_categories
    assert [c["id"] for c in convert(label_map, 4)] == [2]
    assert convert(None, 2) == [
        {"id": 1, "name": "category_1"},
        {"id": 2, "name": "category_2"},
    ]


def test_dicts(path):
    dict_of = label_map_util.get_label_map_dict
    assert dict_of(path) == {"/m/1": 2, "cat": 5}
    assert dict_of(path, use_display_name=True)["dog"] == 2
    filled = dict_of(path, fill_in_gaps_and_background=True)
    assert sorted(filled.items(), key=lambda item: item[1]) == [
        *[("background", 0), ("1", 1), ("/m/1", 2), ("3", 3), ("4", 4), ("cat", 5)]
    ]
    label_map = label_map_util.load_labelmap(path)
    assert dict_of(label_map) == dict_of(path)
    assert label_map_util.get_max_label_map_index(label_map) == 5
    assert label_map_util.get_keypoint_label_map_dict(path) == {"nose": 0, "ear": 1}
    label_map.item[0].id = -1
    with pytest.raises(ValueError, match="0 or more"):
        dict_of(label_map, fill_in_gaps_and_background=True)


def test_one_class():
    index = label_map_util.create_class_agnostic_category_index()
    assert index == {1: {"id": 1, "name": "object"}}


def test_a_fault_has_its_place(tmp_path):
    path = tmp_path / "labels.pbtxt"
    path.write_text('item { id: 1 nam: "a" }')
    with pytest.raises(ConfigError, match="did you mean name"):
        label_map_util.get_label_map_dict(path)
