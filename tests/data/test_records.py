"""TFRecord files: names, counts, damage, and writing whole or not at all."""

import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.data import records
from od_api.data.records import CorruptRecord, ShardedWriter


def verify(paths):
    """Number of records in all the files, every byte read and compared."""
    return sum(1 for path in paths for _ in records.read(path))


@pytest.fixture
def shards(tmp_path):
    """Three files with records 0..6 in turn: 0 3 6, 1 4, 2 5."""
    with ShardedWriter(tmp_path / "train.record", 3) as writer:
        for i in range(7):
            writer.write(f"record {i}".encode())
    return tmp_path


def names(paths):
    return [path.rsplit("/", 1)[-1] for path in paths]


def test_writer_fills_shards_in_turn(shards):
    paths = records.expand(f"{shards}/train.record-?????-of-00003")
    assert names(paths) == [f"train.record-0000{i}-of-00003" for i in range(3)]
    assert [list(records.read(p)) for p in paths] == [
        [b"record 0", b"record 3", b"record 6"],
        [b"record 1", b"record 4"],
        [b"record 2", b"record 5"],
    ]
    assert records.count(paths) == verify(paths) == 7
    assert [records.count([p]) for p in paths] == [3, 2, 2]
    in_order = [int(r.decode()[-1]) for r in records.dataset(paths).as_numpy_iterator()]
    assert in_order == [0, 3, 6, 1, 4, 2, 5]


def test_writer_accepts_examples(tmp_path):
    with ShardedWriter(tmp_path / "new" / "x") as writer:
        writer.write(tf.train.Example())
    assert records.count([tmp_path / "new" / "x-00000-of-00001"]) == 1


def test_writer_leaves_nothing_behind_when_it_fails(tmp_path):
    with pytest.raises(RuntimeError), ShardedWriter(tmp_path / "x", 2) as writer:
        writer.write(b"1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_unfinished_files_match_no_pattern(tmp_path):
    with ShardedWriter(tmp_path / "x", 2) as writer:
        writer.write(b"1")
        assert tf.io.gfile.glob(f"{tmp_path}/x*") == []
    assert len(tf.io.gfile.glob(f"{tmp_path}/x*")) == 2


def test_a_folder_is_no_prefix(tmp_path):
    with pytest.raises(UserError, match=r"is a folder: .*e\.g\. .*/train\.record"):
        ShardedWriter(f"{tmp_path}/")


def test_what_a_killed_writer_left_is_removed(tmp_path):
    """Its folder has no lock any more."""
    left = tmp_path / ".x.unfinished-0123abcd"
    left.mkdir()
    (left / "x-00000-of-00002").write_bytes(b"half")
    with ShardedWriter(tmp_path / "x", 2) as writer:
        writer.write(b"1")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["x-00000-of-00002", "x-00001-of-00002"]


def test_files_of_another_number_of_shards_are_refused(shards):
    before = sorted(shards.iterdir())
    message = r"00000-of-00003 and 2 more are there .*than 2, .*remove them"
    with (
        pytest.raises(UserError, match=message),
        ShardedWriter(shards / "train.record", 2),
    ):
        pass
    assert sorted(shards.iterdir()) == before
    with ShardedWriter(shards / "train.record", 3) as writer:
        writer.write(b"again")
    assert records.count(sorted(shards.iterdir())) == 1
    with ShardedWriter(shards / "train", 2) as writer:
        writer.write(b"another prefix")


def test_writer_names_a_place_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with (
        pytest.raises(UserError, match=r"cannot write .*/file/x-00000-of-00001"),
        ShardedWriter(tmp_path / "file" / "x"),
    ):
        pass


def test_full_disk_is_named():
    """/dev/full accepts nothing: every flush fails with `no space left`."""
    writer = ShardedWriter("/dev/shm/full")
    writer._writers = [tf.io.TFRecordWriter("/dev/full")]
    with pytest.raises(UserError, match=r"cannot write .*[Nn]o space left"):
        for _ in range(64):
            writer.write(bytes(1 << 16))


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("{0}/train.record-00001-of-00003", 1),
        ("{0}/train.record-?????-of-00003", 3),
        ("{0}/train.record-*", 3),
        ("{0}/train.record-00000-of-00003, {0}/train.record-00002-of-00003", 2),
        ("{0}/train.record-0000[01]-of-00003", 2),
        ("{0}/train.record-*,{0}/train.record-00001-of-00003", 3),
    ],
)
def test_patterns(shards, pattern, count):
    assert len(records.expand([pattern.format(shards)])) == count


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "{0}/trian.record-00001-of-00003",
            r"trian.* does not exist; the nearest there: train\.record-0000",
        ),
        ("{0}/val-*", "matches no file; .* has train.record-00000-of-00003"),
        ("{0}/data/x.record", "there is no folder .*/data"),
        ("", "input_path is empty"),
    ],
)
def test_missing_files_are_named_with_the_nearest(shards, pattern, message):
    with pytest.raises(UserError, match=message):
        records.expand(pattern.format(shards))


def test_incomplete_set_of_shards(shards):
    (shards / "train.record-00001-of-00003").unlink()
    with pytest.raises(
        UserError, match=r"2 of 3 files: .*train\.record-00001-of-00003 is missing"
    ):
        records.expand(f"{shards}/train.record-?????-of-00003")


def test_truncated_file(shards):
    """The second of two records is cut short by one byte."""
    path = shards / "train.record-00001-of-00003"
    path.write_bytes(path.read_bytes()[:-1])
    message = r"00001-of-00003: record 1 \(counted from 0\) is truncated"
    for look in (records.count, verify):
        with pytest.raises(CorruptRecord, match=message):
            look([path])


def test_flipped_bit(shards):
    path = shards / "train.record-00000-of-00003"
    data = bytearray(path.read_bytes())
    data[-6] ^= 1
    path.write_bytes(data)
    assert records.count([path]) == 3
    with pytest.raises(CorruptRecord, match=r"record 2 .* is corrupted"):
        verify([path])


def test_other_files(tmp_path):
    (tmp_path / "text").write_text("this is no TFRecord, whatever its name may say")
    (tmp_path / "zip").write_bytes(b"\x1f\x8b" + bytes(40))
    (tmp_path / "empty").write_bytes(b"")
    for look in (records.count, verify):
        with pytest.raises(CorruptRecord, match=r"record 0 .*not a TFRecord"):
            look([tmp_path / "text"])
        with pytest.raises(CorruptRecord, match=r"compressed \(gzip\)"):
            look([tmp_path / "zip"])
        assert look([tmp_path / "empty"]) == 0


def test_real_file(data_dir):
    path = data_dir / "odapi_fixtures" / "pets_examples.record"
    assert records.count([path]) == verify([path]) == 10
