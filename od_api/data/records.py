"""TFRecord files: which ones a config names, what is in them, and writing new ones."""

import functools
import hashlib
import itertools
import mmap
import os
import struct

import numpy as np
import tensorflow as tf

from od_api.core.printable import printable
from od_api.data import worker_records
from od_api.data.record_files import expand as expand
from od_api.data.record_source import CorruptRecord as CorruptRecord
from od_api.data.record_source import RecordSource
from od_api.data.sharded_writer import ShardedWriter as ShardedWriter

# A record: length (8 bytes), its checksum (4), the data, the data's checksum (4).
_LENGTH = struct.Struct("<Q")
_HEADER, _FOOTER = 12, 4
# What files begin with that are often taken for TFRecords.
_OTHERS = {
    b"\x1f\x8b": "compressed (gzip)",
    b"PK\x03\x04": "compressed (ZIP)",
    b"BZh": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"\x78\x9c": "compressed (zlib)",
    b"\x78\x01": "compressed (zlib)",
    b"\x78\xda": "compressed (zlib)",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs": "a pointer of Git LFS (`git lfs pull` fetches it)",
}


def dataset(paths):
    """tf.data.Dataset of serialized records (string scalars), file after file."""
    return resolved(handles(paths), paths)


def handles(paths):
    """As `dataset`, but of what may be less than a record: see `resolved`.

    Of a RecordSource they are indices, so that records that are passed over, or wait in
    a buffer, cost nothing. One has no other path beside it.
    """
    source = source_in(paths)
    if source is not None:
        return tf.data.Dataset.range(source.size)
    return tf.data.TFRecordDataset(list(paths))


def resolved(stream, paths, position=0, portable=False):
    """A dataset whose `handles` of these paths have become serialized records.

    Args:
      stream: of handles, or of tuples that have one.
      paths: that the handles came from.
      position: of the handle in the tuples.
      portable: another process reads them, which sees the same folder.
    """
    source = source_in(paths)
    if source is None:
        return stream

    def made(*parts):
        parts = list(parts)
        make = functools.partial(worker_records.made, source)
        parts[position] = (make if portable else source.made)(parts[position])
        return tuple(parts) if len(parts) > 1 else parts[0]

    made = tf.autograph.experimental.do_not_convert(made)
    return stream.map(made, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def source_in(paths):
    """The RecordSource that is the only path; None where they are files."""
    return next((path for path in paths if isinstance(path, RecordSource)), None)


def read(path, limit=None):
    """Yields the serialized records (bytes) of a file, checksums verified.

    Lengths are looked at first: TensorFlow takes as much memory as a length says.

    Args:
      path: of a TFRecord.
      limit: so many records at most; None for all.

    Raises:
      CorruptRecord: at the first record that is truncated or damaged.
    """
    if isinstance(path, RecordSource):
        yield from map(path.record, range(path.size)[:limit])
        return
    path = str(path)
    offsets, fault = find(path, limit)
    yield from _read(path, dataset([path]).take(len(offsets)), range(len(offsets)))
    if fault:
        raise fault


def read_at(path, offsets, indices):
    """Yields the records (bytes) that begin at `offsets`, of the given indices.

    Raises:
      CorruptRecord: as `read`.
    """
    if isinstance(path, RecordSource):
        yield from map(path.record, indices)
        return

    def one(offset):
        variant = tf.raw_ops.TFRecordDatasetV2(
            filenames=[path], compression_type="", buffer_size=0, byte_offsets=[offset]
        )
        spec = tf.TensorSpec([], tf.string)
        return tf.data.experimental.from_variant(variant, spec).take(1)

    places = tf.data.Dataset.from_tensor_slices(tf.constant(offsets, tf.int64))
    yield from _read(path, places.flat_map(one), indices)


def find(path, limit=None, go_on=lambda: True):
    """Where the records of a file begin, by their lengths alone.

    Args:
      path: of a TFRecord.
      limit: so many records at most; None for all.
      go_on: asked now and then; False ends the search.

    Returns:
      (list of offsets; CorruptRecord after the last of them, or None).
    """
    if isinstance(path, RecordSource):
        return list(range(path.size)[:limit]), None
    offsets = []
    try:
        for offset in itertools.islice(_walk(str(path)), limit):
            offsets.append(offset)
            if len(offsets) % 1024 == 0 and not go_on():
                break
    except CorruptRecord as error:
        return offsets, error
    return offsets, None


def count(paths):
    """Number of records in all the files.

    Only the lengths are read, so this is quick and sees truncation, but no damage
    inside a record.

    Raises:
      CorruptRecord: a file that ends inside a record or is no TFRecord.
    """
    return sum(
        path.size if isinstance(path, RecordSource) else sum(1 for _ in _walk(path))
        for path in map(_as_text, paths)
    )


def _as_text(path):
    return path if isinstance(path, RecordSource) else str(path)


def digest(path):
    """What tells the records of a file from any others: a hexadecimal number.

    It is made of where they end and of the checksums that they end with.

    Raises:
      CorruptRecord: as `count`.
    """
    path = str(path)
    ends = [*_walk(path), tf.io.gfile.stat(path).length][1:]
    digest = hashlib.sha256(np.array(ends, "<u8").tobytes())
    is_local = os.path.isfile(path)
    with open(path, "rb") if is_local else tf.io.gfile.GFile(path, "rb") as file:
        for end in ends:
            file.seek(end - _FOOTER)
            digest.update(file.read(_FOOTER))
    return digest.hexdigest()


def _read(path, stream, indices):
    done = 0
    try:
        for record in stream.as_numpy_iterator():
            yield record
            done += 1
    except tf.errors.OpError as error:
        raise CorruptRecord(_damage(path, indices[done], error)) from error


def _walk(path):
    """Yields where each record begins, from one length to the next."""
    try:
        size = tf.io.gfile.stat(path).length
        if size == 0:
            return
        if not os.path.isfile(path):
            with tf.io.gfile.GFile(path, "rb") as file:
                yield from _offsets(path, size, lambda at: _bytes_at(file, at))
            return
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            yield from _offsets(path, size, lambda at: data[at : at + _LENGTH.size])
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", error)
        raise CorruptRecord(f"{printable(path)}: cannot be read: {reason}") from error


def _bytes_at(file, position):
    file.seek(position)
    return file.read(_LENGTH.size)


def _offsets(path, size, length_at):
    position = index = 0
    while position < size:
        length = length_at(position)
        end = size + 1
        if len(length) == _LENGTH.size:
            end = position + _HEADER + _LENGTH.unpack(length)[0] + _FOOTER
        if end > size:
            raise CorruptRecord(_damage(path, index, None))
        yield position
        position = end
        index += 1


def _damage(path, index, error):
    """What is wrong with a record, and what to do."""
    with tf.io.gfile.GFile(str(path), "rb") as file:
        start = file.read(64)
    shown = printable(path)
    kind = next((name for mark, name in _OTHERS.items() if start.startswith(mark)), "")
    if kind:
        cure = "TFRecords are read uncompressed: unpack it"
        if "compressed" not in kind:
            cure = "not a TFRecord (od-api data convert writes them)"
        return f"{shown}: is {kind}; {cure}"
    message = getattr(error, "message", "") or "truncated record"
    kind = "truncated" if "truncated" in message else "corrupted"
    if index == 0:
        text = "; it looks like text" if _is_text(start) else ""
        return (
            f"{shown}: record 0 is {kind}: not a TFRecord file, or a broken one{text}"
        )
    return (
        f"{shown}: record {index} (counted from 0) is {kind}; the {index} before it "
        "are fine: copy or write the file again"
    )


def _is_text(start):
    return start.isascii() and all(byte >= 32 or byte in b"\t\r\n" for byte in start)
