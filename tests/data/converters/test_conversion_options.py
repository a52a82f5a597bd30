"""The options that all converters have: which label map decides the ids."""

import pytest

from od_api.data.converters.conversion_options import Options
from od_api.data.converters.yolo import convert_yolo
from od_api.data.label_map import LabelMap


def ids_of(options):
    """The ids of cat and dog, which are declared as 1 and 2."""
    class_ids = options.class_ids("here", {1: "cat", 2: "dog"}, {"dog": "a.txt:1"})
    class_ids.save()
    return class_ids.id_of("cat"), class_ids.id_of("dog")


def test_label_maps_come_in_go_out_and_are_extended(tmp_path):
    """A label map that has dog as 5 gives it 5; cat is added after it, if asked for."""
    given, out = tmp_path / "given.pbtxt", tmp_path / "out.pbtxt"
    LabelMap.from_names({5: "dog"}).save(given)
    assert ids_of(Options(label_map_out=tmp_path / "new.pbtxt")) == (1, 2)
    assert ids_of(Options(label_map_in=given, label_map_out=out)) == (None, 5)
    assert LabelMap.load(out).same_as(LabelMap.load(given))
    assert ids_of(Options(label_map_in=given, extend_label_map=True)) == (6, 5)


def test_an_option_that_does_not_exist_is_no_option(tmp_path):
    with pytest.raises(TypeError, match="shards"):
        convert_yolo(tmp_path, tmp_path, ["cat"], tmp_path / "x", shards=2)
