"""Files of records that appear whole or not at all."""

import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.data import records
from od_api.data.sharded_writer import ShardedWriter


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_records_go_in_turn(tmp_path):
    with ShardedWriter(tmp_path / "train.record", 2) as writer:
        for number in range(3):
            writer.write(b"%d" % number)
        # Until the end there is nothing that a pattern would find.
        assert not [name for name in names(tmp_path) if name.startswith("train")]
    assert writer.num_records == 3
    assert names(tmp_path) == [
        "train.record-00000-of-00002",
        "train.record-00001-of-00002",
    ]
    assert [list(records.read(path)) for path in writer.paths] == [[b"0", b"2"], [b"1"]]


def test_an_error_leaves_what_was_there(tmp_path):
    with ShardedWriter(tmp_path / "a") as writer:
        writer.write(b"old")
    with pytest.raises(RuntimeError), ShardedWriter(tmp_path / "a") as writer:
        writer.write(b"new")
        raise RuntimeError
    assert names(tmp_path) == ["a-00000-of-00001"]
    assert list(records.read(writer.paths[0])) == [b"old"]


def test_examples_are_serialized(tmp_path):
    example = tf.train.Example(
        features={"feature": {"x": {"int64_list": {"value": [3]}}}}
    )
    with ShardedWriter(tmp_path / "a") as writer:
        writer.write(example)
    assert list(records.read(writer.paths[0])) == [example.SerializeToString()]


def test_shards_of_another_number_are_not_mixed(tmp_path):
    with ShardedWriter(tmp_path / "a", 3):
        pass
    says = r"a-00000-of-00003 and 2 more are there from an earlier run .* than 2"
    with pytest.raises(UserError, match=says), ShardedWriter(tmp_path / "a", 2):
        pass
    with ShardedWriter(tmp_path / "ab", 2), ShardedWriter(tmp_path / "a", 3):
        pass


def test_bad_names_and_numbers(tmp_path):
    with pytest.raises(UserError, match="num_shards must be at least 1, not 0"):
        ShardedWriter(tmp_path / "a", 0)
    with pytest.raises(UserError, match=r"is a folder: name the first part"):
        ShardedWriter(f"{tmp_path}/")
