"""TFRecord files: which ones a config names, what is in them, and writing new ones."""

import difflib
import mmap
import os
import pathlib
import re
import struct

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.data.sharded_writer import ShardedWriter as ShardedWriter

# A record: length (8 bytes), its checksum (4), the data, the data's checksum (4).
_LENGTH = struct.Struct("<Q")
_HEADER, _FOOTER = 12, 4
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")
_ALL_SHARDS = re.compile(r"-(?:\?{5}|\*)-of-(\d{5})$")
_GZIP = b"\x1f\x8b"


class CorruptRecord(UserError):
    """A TFRecord that cannot be read: the message names the file and the record."""


def expand(patterns):
    """The files that `input_path` names, in a fixed order.

    Args:
      patterns: a string or a list of strings: paths, globs (`x.record-?????-of-00010`)
        or comma lists of both.

    Returns:
      list of paths, in the order of the patterns and sorted within each; none twice.

    Raises:
      UserError: a pattern without a file, with the nearest existing name, or a set of
        shards that is not complete.
    """
    if isinstance(patterns, str | os.PathLike):
        patterns = [patterns]
    paths = {}
    for pattern in patterns:
        for part in filter(None, (p.strip() for p in str(pattern).split(","))):
            found = sorted(tf.io.gfile.glob(part))
            if not found and tf.io.gfile.exists(part):
                # A real name with brackets or question marks in it.
                found = [part]
            if not found:
                raise UserError(_no_match(part))
            _check_complete(part, found)
            paths.update(dict.fromkeys(found))
    if not paths:
        raise UserError("input_path is empty: name at least one TFRecord")
    return list(paths)


def dataset(paths):
    """tf.data.Dataset of serialized records (string scalars), file after file."""
    return tf.data.TFRecordDataset(list(paths))


def read(path):
    """Yields the serialized records (bytes) of a file, checksums verified.

    Raises:
      CorruptRecord: at the first record that is truncated or damaged.
    """
    index = 0
    try:
        for record in dataset([str(path)]).as_numpy_iterator():
            yield record
            index += 1
    except tf.errors.OpError as error:
        raise CorruptRecord(_damage(path, index, error)) from error


def verify(paths):
    """Number of records in all the files, every byte read and compared.

    Raises:
      CorruptRecord: as `read`.
    """
    return sum(1 for path in paths for _ in read(path))


def count(paths):
    """Number of records in all the files.

    Only the lengths are read, so this is quick and sees truncation, but no damage
    inside a record.

    Raises:
      CorruptRecord: a file that ends inside a record or is no TFRecord.
    """
    return sum(_count_one(str(path)) for path in paths)


def _check_complete(pattern, found):
    """Raises UserError where `-?????-of-00010` matches fewer than 10 files."""
    wanted = _ALL_SHARDS.search(pattern)
    if not wanted:
        return
    there = {int(m[1]) for path in found if (m := _SHARD.search(path))}
    missing = sorted(set(range(int(wanted[1]))) - there)
    if missing:
        name = f"{pattern[: wanted.start()]}-{missing[0]:05d}-of-{wanted[1]}"
        raise UserError(
            f"{pattern} matches {len(found)} of {int(wanted[1])} files: {name} is "
            "missing; write the data set again, or name the files that are there"
        )


def _no_match(pattern):
    """Message about a pattern without a file, with what is there instead."""
    folder = pathlib.PurePath(pattern).parent
    what = "matches no file" if re.search(r"[*?\[]", pattern) else "does not exist"
    if re.search(r"[*?\[]", str(folder)):
        return f"{pattern} {what}"
    if not tf.io.gfile.isdir(str(folder)):
        return f"{pattern} {what}: there is no folder {folder}"
    names = sorted(n for n in tf.io.gfile.listdir(str(folder)) if n[0] != ".")
    close = difflib.get_close_matches(pathlib.PurePath(pattern).name, names, n=3)
    if close:
        return f"{pattern} {what}; the nearest there: {', '.join(close)}"
    return f"{pattern} {what}; {folder} has {', '.join(names[:5]) or 'no files'}"


def _count_one(path):
    size = tf.io.gfile.stat(path).length
    if size == 0:
        return 0
    if not os.path.isfile(path):
        with tf.io.gfile.GFile(path, "rb") as file:
            return _walk(path, size, lambda at: _bytes_at(file, at))
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return _walk(path, size, lambda at: data[at : at + _LENGTH.size])


def _bytes_at(file, position):
    file.seek(position)
    return file.read(_LENGTH.size)


def _walk(path, size, length_at):
    """Number of records, from one length to the next."""
    position = index = 0
    while position < size:
        length = length_at(position)
        end = size + 1
        if len(length) == _LENGTH.size:
            end = position + _HEADER + _LENGTH.unpack(length)[0] + _FOOTER
        if end > size:
            raise CorruptRecord(_damage(path, index, None))
        position = end
        index += 1
    return index


def _damage(path, index, error):
    """What is wrong with a record, and what to do."""
    with tf.io.gfile.GFile(str(path), "rb") as file:
        start = file.read(2)
    if start == _GZIP:
        return (
            f"{path} is compressed (gzip); TFRecords are read uncompressed: unpack it"
        )
    message = getattr(error, "message", "") or "truncated record"
    kind = "truncated" if "truncated" in message else "corrupted"
    if index == 0:
        return f"{path}: record 0 is {kind}: not a TFRecord file, or a broken one"
    return (
        f"{path}: record {index} (counted from 0) is {kind}; the {index} before it are "
        "fine: copy or write the file again"
    )
