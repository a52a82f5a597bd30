"""COCO files of many tools: ids, flags, sizes, and files that are none."""

import copy
import json

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.coco_file import length, load_coco

_DATA = {
    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": "x", "file_name": "b.jpg"}],
    "annotations": [{"id": 5, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}],
    "categories": [{"id": 2, "name": "cat"}],
}


@pytest.fixture
def load(tmp_path):
    def run(data, encoding="utf-8"):
        text = data if isinstance(data, str) else json.dumps(data)
        (tmp_path / "a.json").write_bytes(text.encode(encoding))
        return load_coco(tmp_path / "a.json")

    return run


@pytest.fixture
def changed(load):
    """Loads the data with one value changed: `annotations.image_id`, value."""

    def run(place, value):
        data = copy.deepcopy(_DATA)
        kind, key = place.split(".")
        data[kind][0][key] = value
        return load(data)[kind][0][key]

    return run


@pytest.mark.parametrize("place", ["annotations.image_id", "images.id"])
@pytest.mark.parametrize("value", [1, 1.0, "1"])
def test_one_id_in_three_forms(changed, place, value):
    assert changed(place, value) == 1


@pytest.mark.parametrize("place", ["annotations.category_id", "categories.id"])
@pytest.mark.parametrize("value", [2, 2.0, "2"])
def test_one_category_in_three_forms(changed, place, value):
    assert changed(place, value) == 2


def test_images_may_have_text_as_ids(changed):
    assert changed("annotations.image_id", "x") == "x"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("annotations.image_id", "7", "annotation 5: image_id 7 is not among the im"),
        ("annotations.image_id", "01", "image_id '01' is not among"),
        ("annotations.image_id", 1.5, "image_id 1.5 is float, not a whole number"),
        ("annotations.category_id", "two", "category_id 'two' is text, not a whole"),
        ("annotations.category_id", None, "category_id None is NoneType"),
        ("annotations.category_id", True, "category_id True is bool"),
        ("annotations.category_id", [2], r"category_id \[2\] is list"),
        ("annotations.category_id", 10**300, "category_id 1000.* is int"),
        ("images.id", {}, "image number 0: its id {} is dict"),
        ("images.id", "x", "image id 'x' is there twice"),
        ("categories.name", None, "category 2: its name is null"),
        ("categories.name", "", "category 2: its name is ''"),
        ("categories.name", ["cat"], "category 2: its name is "),
        ("annotations.iscrowd", "maybe", "iscrowd is 'maybe', neither 0 nor 1"),
        ("annotations.iscrowd", 2, "iscrowd is 2"),
        ("annotations.bbox", None, "annotation 5: bbox is None, not four"),
        ("annotations.bbox", [1, 2, 3], "not four numbers"),
        ("annotations.bbox", ["1", 2, 3, 4], "not four numbers"),
        ("annotations.bbox", [1, 2, None, 4], "not four numbers"),
        ("annotations.bbox", [1, 2, True, 4], "not four numbers"),
        ("annotations.bbox", [1, float("nan"), 3, 4], "NaN or too large"),
        ("annotations.bbox", [1, 10**400, 3, 4], "NaN or too large"),
        ("annotations.area", -1, "area is -1"),
        ("annotations.area", float("inf"), "area is inf"),
    ],
)
def test_malformed_values_are_shown_with_their_type(changed, place, value, message):
    with pytest.raises(UserError, match=message) as error:
        changed(place, value)
    assert "a.json: " in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("0", False), ("false", False), (0.0, False), (None, False), ("", False)),
        *(("1", True), (True, True), (1.0, True)),
    ],
)
def test_flags(changed, value, expected):
    assert changed("annotations.iscrowd", value) is expected


def test_numbers_as_names(changed):
    assert changed("categories.name", 7) == "7"


@pytest.mark.parametrize(
    ("value", "expected"), [(5, 5), (5.0, 5), (0, None), (-1, None)]
)
def test_lengths(value, expected):
    assert length({"width": value}, "width", "") == expected
    assert length({"width": None}, "width", "") is None
    for bad in ("5", True, float("nan"), 10**400, []):
        with pytest.raises(UserError, match="width is"):
            length({"width": bad}, "width", "")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(load, encoding):
    assert load(_DATA, encoding)["categories"][0]["name"] == "cat"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"image_id": 1, "bbox": [], "score": 0.5}], "a results file"),
        ([{"image": "a.jpg", "annotations": []}], "CreateML"),
        ([], "This is a list"),
        ({"shapes": [], "imagePath": "a.jpg"}, "LabelMe"),
        ({"a.jpg123": {"filename": "a.jpg", "regions": []}}, "VIA"),
        ({"_via_img_metadata": {}}, "VIA"),
        ("7", "no list 'images'"),
        ({**_DATA, "annotations": {}}, "no list 'annotations'"),
        ({**_DATA, "images": [3]}, "image number 0: is 3, not an object"),
        ({**_DATA, "annotations": [None]}, "annotation number 0: is None"),
        ("[" * 99999, "nested too deeply"),
        ('{"images": [{"id": ' + "9" * 5000 + "}]}", "cannot be read"),
        (json.dumps(_DATA).replace("{", '{"images": [], ', 1), "list 'images' twice"),
        ("", "is no JSON"),
    ],
)
def test_other_files_are_named(load, data, message):
    with pytest.raises(UserError, match=message):
        load(data)
