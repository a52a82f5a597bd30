"""Ids of the splits of one data set agree, whatever classes each of them has."""

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.class_ids import ClassIds
from od_api.data.label_map import LabelMap


@pytest.fixture
def ids(tmp_path):
    """Classes in use by name -> (the `ClassIds`, saved; {name: id} in the file)."""

    def run(names, **settings):
        settings = {"out": tmp_path / "map", **settings}
        declared = names if isinstance(names, dict) else dict(enumerate(names, 1))
        used = {name: f"{name}.xml: object 1" for name in declared.values()}
        found = ClassIds("data", declared, used, **settings)
        found.save()
        return found, LabelMap.load(tmp_path / "map").text_to_id

    return run


def test_the_first_split_makes_the_label_map(ids):
    found, saved = ids({3: "cat", 7: "dog"})
    assert found.id_of("dog") == 7 and saved == {"cat": 3, "dog": 7}


def test_a_later_split_with_fewer_classes_uses_it(ids, tmp_path):
    ids(["cat", "dog"])
    (tmp_path / "map").write_text("# ours\n" + (tmp_path / "map").read_text())
    found, saved = ids(["dog"])
    assert found.id_of("dog") == 2 and saved == {"cat": 1, "dog": 2}
    assert (tmp_path / "map").read_text().startswith("# ours"), "left as it was"


def test_new_classes_are_refused_with_the_three_ways_out(ids, tmp_path):
    _, before = ids(["cat", "dog"])
    message = (
        r"eel\.xml: object 1: class 'eel' is not in .*map, the label map of an earlier"
        r".*--extend-label-map.*--label-map,.*--label-map-out"
    )
    with pytest.raises(UserError, match=message):
        ids(["cat", "eel"])
    with pytest.raises(UserError, match="did you mean 'cat'"):
        ids(["CAT"])
    assert LabelMap.load(tmp_path / "map").text_to_id == before


def test_extended_on_request_with_ids_after_the_largest(ids):
    ids({3: "cat", 7: "dog"})
    found, saved = ids(["ant", "dog", "bee"], extend=True)
    assert saved == {"cat": 3, "dog": 7, "ant": 8, "bee": 9}
    assert found.id_of("ant") == 8


def test_what_is_declared_and_not_used_may_be_lacking(tmp_path):
    LabelMap.from_names(["cat"]).save(tmp_path / "map")
    settings = {"out": tmp_path / "map"}
    found = ClassIds("data", {1: "dog", 2: "cat"}, {"cat": "here"}, **settings)
    assert found.id_of("cat") == 1


def test_a_given_label_map_decides(ids, tmp_path):
    LabelMap.from_names({4: "dog"}).save(tmp_path / "given")
    given = {"given": tmp_path / "given"}
    found, saved = ids(["dog"], **given)
    assert found.id_of("dog") == 4 and saved == {"dog": 4}
    with pytest.raises(UserError, match="'eel' is not in the label map"):
        ids(["eel"], **given)
    assert ids(["eel"], extend=True, **given)[1] == {"dog": 4, "eel": 5}


def test_another_label_map_is_never_overwritten_by_a_given_one(ids, tmp_path):
    ids(["cat", "dog"])
    LabelMap.from_names(["dog", "cat"]).save(tmp_path / "given")
    for extend in (False, True):
        with pytest.raises(UserError, match="is there already and is another label"):
            ids(["dog"], given=tmp_path / "given", extend=extend)
    assert LabelMap.load(tmp_path / "map").names == ["cat", "dog"]
    assert ids(["dog", "eel"], given=tmp_path / "map", extend=True)[1]["eel"] == 3


def test_names_that_are_nearly_alike_are_said(ids, caplog):
    ids(["traffic light", "dog", "Traffic_Light"])
    assert "'traffic light' and 'Traffic_Light' are two classes" in caplog.text
    assert "dog" not in caplog.text


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({1: "a", 2: "a"}, "two classes are called 'a', those with the ids 1 and 2"),
        ({0: "a", 1: "b"}, "'a' has id 0, but ids in records start at 1.*--renumber"),
        ({2**31: "a"}, "too large for a label map"),
        ({1: " "}, "id 1 has no name"),
        ({1: "\ud800"}, "half a character"),
    ],
)
def test_classes_that_no_label_map_can_hold(ids, names, message):
    with pytest.raises(UserError, match=message):
        ids(names)
