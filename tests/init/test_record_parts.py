"""TFRecords: their parts, and what their classes are called."""

import pytest
from data_set_kit import picture

from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap
from od_api.data.make_example import EncodedImage, Objects, make_example
from od_api.data.sharded_writer import ShardedWriter
from od_api.init.data_kinds import Files
from od_api.init.record_parts import record_parts


def write(prefix, *records, shards=1):
    """A record for each list of (class text, class id)."""
    with ShardedWriter(str(prefix), shards) as writer:
        for seed, classes in enumerate(records):
            file = EncodedImage(
                encoded=picture(40, 30, seed),
                format="jpeg",
                filename="a.jpg",
                source_id=f"{seed}",
                height=30,
                width=40,
            )
            objects = Objects(
                boxes=[(0.1, 0.1, 0.5, 0.5)] * len(classes),
                class_texts=[text for text, _ in classes],
                class_ids=[number for _, number in classes],
            )
            writer.write(make_example(file, objects))


CAT, DOG = ("cat", 1), ("dog", 2)


def test_parts_by_the_names_of_files(tmp_path):
    write(tmp_path / "train.record", [CAT], [CAT, DOG], [], shards=2)
    write(tmp_path / "val.record", [DOG])
    found = record_parts(Files(tmp_path))
    assert {p: len(items) for p, items in found.parts.items()} == {"train": 3, "val": 1}
    assert [sorted(r.classes) for r in found.parts["train"]] == [
        ["cat"],
        [],
        ["cat", "dog"],
    ]
    assert found.label_map.names == ["cat", "dog"]


def test_a_label_map_that_is_there_is_taken(tmp_path):
    write(tmp_path / "train.record", [CAT])
    LabelMap.from_names(["cat", "dog", "owl"]).save(tmp_path / "label_map.pbtxt")
    assert record_parts(Files(tmp_path)).label_map.names == ["cat", "dog", "owl"]
    LabelMap.from_names(["cat"]).save(tmp_path / "my_labels.pbtxt")
    with pytest.raises(UserError, match="several label maps"):
        record_parts(Files(tmp_path))
    found = record_parts(Files(tmp_path), names=str(tmp_path / "my_labels.pbtxt"))
    assert found.label_map.names == ["cat"]


def test_records_that_contradict_each_other_need_a_label_map(tmp_path):
    write(tmp_path / "train.record", [CAT], [("tiger", 1)])
    with pytest.raises(
        UserError, match="have two names for class 1: name the label map"
    ):
        record_parts(Files(tmp_path))


def test_an_incomplete_set_of_shards_is_refused(tmp_path):
    write(tmp_path / "train.record", [CAT], [CAT], shards=2)
    (tmp_path / "train.record-00001-of-00002").unlink()
    with pytest.raises(UserError, match="missing"):
        record_parts(Files(tmp_path))
