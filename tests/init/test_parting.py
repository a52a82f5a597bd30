"""Parts: no image is in two of them, and what was decided is said."""

import pytest

from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap
from od_api.init.found_parts import FoundParts
from od_api.init.parting import parted
from od_api.init.record_parts import FoundRecord


def item(content, *classes):
    return FoundRecord("a.record", 0, content.encode(), frozenset(classes))


def items(*contents):
    return [item(content, "cat") for content in contents]


def found(**parts):
    return FoundParts(parts, LabelMap.from_names(["cat", "dog"]), [])


def contents(parts):
    return {p: [i.digest.decode() for i in rows] for p, rows in parts.items()}


def test_what_is_whole_is_split_and_the_split_is_said():
    names = [f"i{n}" for n in range(10)]
    parts, notes = parted(found(whole=items(*names)), 0.2, 0)
    split = contents(parts)
    assert sorted(split["train"] + split["val"]) == sorted(names)
    assert len(split["val"]) == 2
    assert notes == [
        "2 of 10 images were chosen to evaluate on (--val-fraction 0.2 --seed 0)"
    ]


def test_copies_of_an_image_are_never_in_both_parts():
    names = ["a", "b", "a", "c", "a", "d", "b", "e"]
    for seed in range(20):
        split = contents(parted(found(whole=items(*names)), 0.3, seed)[0])
        assert not set(split["train"]) & set(split["val"])


def test_parts_that_are_there_stay_but_for_copies():
    parts, notes = parted(
        found(train=items("a", "b", "c"), val=items("b", "d"), test=items("d", "e")),
        0.2,
        0,
    )
    assert contents(parts) == {"train": ["a", "c"], "val": ["b"], "test": ["d", "e"]}
    assert notes == [
        "1 images of train are in val or test, too, and were left out",
        "1 images of val are in test, too, and were left out",
    ]


def test_a_test_part_is_left_alone_where_val_is_missing():
    names = [f"i{n}" for n in range(10)]
    parts, _ = parted(found(train=items(*names), test=items("t")), 0.2, 0)
    assert list(parts) == ["train", "val", "test"]
    assert [len(rows) for rows in parts.values()] == [8, 2, 1]


def test_parts_that_are_the_same_are_refused():
    with pytest.raises(UserError, match="every image of train is in val"):
        parted(found(train=items("a", "b"), val=items("a", "b", "c")), 0.2, 0)


def test_nothing_to_learn_is_refused():
    with pytest.raises(UserError, match="not one image to train on has an object"):
        parted(found(whole=[item("a"), item("b")]), 0.5, 0)


def test_classes_that_a_part_lacks_are_said():
    val = [item("b", "cat"), item("c", "dog")]
    _, notes = parted(found(train=items("a"), val=val), 0.2, 0)
    assert notes == ["1 classes have no object in train: dog"]
