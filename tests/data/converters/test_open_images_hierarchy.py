"""Open Images' file of classes above others."""

import json

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.open_images_hierarchy import classes_above

TREE = {
    "LabelName": "entity",
    "Subcategory": [
        {
            "LabelName": "animal",
            "Subcategory": [{"LabelName": "cat"}],
            "Part": [{"LabelName": "tail"}],
        },
        {"LabelName": "pet", "Subcategory": [{"LabelName": "cat"}]},
    ],
}


def test_a_class_has_what_is_above_all_its_places(tmp_path):
    (tmp_path / "h.json").write_text(json.dumps(TREE))
    above = classes_above(tmp_path / "h.json")
    assert above["cat"] == {"entity", "animal", "pet"}
    assert above["pet"] == {"entity"} and above["entity"] == set()
    assert "tail" not in above


@pytest.mark.parametrize("text", ["", "[]", '{"LabelName": "a", "Subcategory": 3}'])
def test_other_files_are_refused(text, tmp_path):
    (tmp_path / "h.json").write_text(text)
    with pytest.raises(UserError, match=r"h\.json: is no hierarchy"):
        classes_above(tmp_path / "h.json")
