"""The index of chips: which parts of which records training sees.

A text file of JSON, one value a line, written by `od-api data chips`:

    {"format": "od_api chips", "version": 1, "seed": 0, "scales": [{...}, ...],
     "files": [{"name": "x.record-00000-of-00002", "records": 2, "digest": "..."}, ...]}
    [[1, 0, 160, 400, 400], [0, 0, 0, 480, 640]]
    []

The first line says what it was made of: `scales` are those of the reader, and `digest`
tells the records of a file from any others. Each further line is a record, in the order
of the files: its chips as scale, top, left, height and width, in pixels of the image as
that scale resizes it. All records' chips in this order are the positions of training.
"""

import itertools
import json
import os

import numpy as np
import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.system.files import read_text

_FORMAT, _VERSION = "od_api chips", 1
_NUMBERS = 5


class ChipIndex:
    """Chips of the records of some files.

    Args:
      paths: the TFRecord files, in the reader's order.
      chips: for each file, for each of its records, an [n, 5] int32 array.
    """

    def __init__(self, paths, chips):
        self._paths = list(map(str, paths))
        of_records = [one for file in chips for one in file]
        counts = [len(one) for one in of_records]
        self._splits = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._chips = np.concatenate(
            [np.zeros([0, _NUMBERS], np.int32), *of_records]
        ).astype(np.int32)
        sizes = [len(file) for file in chips]
        self._first = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    def count(self, paths):
        """How many chips the records of some of the files have."""
        numbers = [self._paths.index(str(path)) for path in paths]
        ends = [self._splits[self._first[[n, n + 1]]] for n in numbers]
        return int(sum(end - start for start, end in ends))

    def stream(self, path):
        """(serialized record, chip [5]) of a file, a string scalar, in order."""
        number = tf.argmax(tf.cast(tf.constant(self._paths) == path, tf.int32))
        numbered = tf.data.TFRecordDataset(path).enumerate(
            tf.constant(self._first)[number]
        )
        return numbered.flat_map(self._of_record)

    @tf.autograph.experimental.do_not_convert
    def _of_record(self, number, serialized):
        ends = tf.constant(self._splits)[number : number + 2]
        chips = tf.constant(self._chips)[ends[0] : ends[1]]
        chips = tf.data.Dataset.from_tensor_slices(chips)
        return chips.map(lambda chip: (serialized, chip))


def check_chips(message, training, static_shapes=False):
    """Raises ConfigError for chips that no reader could have; see `read_index`.

    Args:
      message: Chips message; `field_path` starts in it.
      training: whether the reader is the one to train on.
      static_shapes: whether XLA compiles the steps.
    """
    if not training:
        raise ConfigError("are parts of images to train on; evaluation sees whole ones")
    if static_shapes:
        raise ConfigError(
            "are of several sizes, and XLA (jit_compile) compiles one: remove them, "
            "or train without XLA"
        )
    if not message.scales:
        raise ConfigError("is empty: give it one scale at least", "scales")
    for i, scale in enumerate(message.scales):
        for low, high in (("min_dimension", "max_dimension"), ("low", "high")):
            try:
                ranges.ordered(low, getattr(scale, low), high, getattr(scale, high))
            except ranges.RangeError as error:
                problem = str(error).removeprefix(f"{low} ")
                raise ConfigError(problem, f"scales[{i}].{low}") from error


def write_index(path, message, paths, chips, seed):
    """Writes an index whole, or not at all.

    Args:
      path: of the file.
      message: Chips message of the reader.
      paths, chips: as `ChipIndex`.
      seed: that the chips were drawn by.
    """
    files = [
        {"name": os.path.basename(path), "records": len(own), "digest": digest}
        for path, own, digest in zip(
            paths, chips, map(records.digest, paths), strict=True
        )
    ]
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "seed": seed,
        "scales": _scales(message),
        "files": files,
    }
    lines = [head, *(np.asarray(one).tolist() for file in chips for one in file)]
    temporary = f"{path}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {printable(path)}: {error.strerror}") from error


def read_index(message, paths):
    """The ChipIndex that a reader names.

    Args:
      message: Chips message of the reader.
      paths: the reader's TFRecord files.

    Raises:
      ConfigError: there is none, it is damaged, or made of other records or scales;
        `field_path` starts in the message.
    """
    path, cure = message.index_path, "make it again with od-api data chips"
    if not path:
        raise ConfigError("is not set: od-api data chips writes the file", "index_path")
    try:
        lines = read_text(path, "index of chips").splitlines()
        head, rows = _head(path, lines), lines[1:]
        fault = _other_files(head["files"], paths)
        if fault:
            raise UserError(f"{printable(path)} {fault}: {cure}")
        wanted = sum(file["records"] for file in head["files"])
        if len(rows) != wanted:
            raise UserError(
                f"{printable(path)} has chips of {len(rows)} records, and its files "
                f"have {wanted}: {cure}"
            )
        if head["scales"] != _scales(message):
            raise ConfigError(
                f"are not those that {printable(path)} was made with: {cure}", "scales"
            )
        chips = [_row(path, i, row, len(message.scales)) for i, row in enumerate(rows)]
    except ConfigError:
        raise
    except UserError as error:
        raise ConfigError(str(error), "index_path") from error
    ends = np.cumsum([0, *(file["records"] for file in head["files"])])
    spans = itertools.pairwise(ends)
    return ChipIndex(paths, [chips[start:end] for start, end in spans])


def _head(path, lines):
    """The first line of an index."""
    try:
        head = json.loads(lines[0])
        files = head["files"]
        whole = head["format"] == _FORMAT and isinstance(head["scales"], list)
        for file in files:
            whole &= isinstance(file["records"], int) and file["records"] >= 0
            whole &= isinstance(file["name"], str) and isinstance(file["digest"], str)
        version = head["version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{printable(path)}:1: is no index of od-api data chips")
    if version != _VERSION:
        raise UserError(
            f"{printable(path)}:1: is of version {printable(version)}, and this "
            f"od_api reads {_VERSION}"
        )
    return head


def _other_files(files, paths):
    """What is wrong if an index is not of these files; "" if nothing is."""
    names = [os.path.basename(path) for path in paths]
    of_index = [file["name"] for file in files]
    if of_index != names:
        return (
            f"is of {printable(', '.join(of_index[:3]))} ({len(of_index)} files), and "
            f"the reader has {printable(', '.join(names[:3]))} ({len(names)})"
        )
    for file, path in zip(files, paths, strict=True):
        count = records.count([path])
        if count != file["records"]:
            return (
                f"has {file['records']} records of {printable(path)}, which has {count}"
            )
        if file["digest"] != records.digest(path):
            return f"was made of other records than those of {printable(path)}"
    return ""


def _row(path, index, text, num_scales):
    """One record's chips, [n, 5] int32."""
    try:
        rows = json.loads(text)
        chips = np.array(rows, np.int64).reshape(-1, _NUMBERS)
        good = all(type(n) is int for row in rows for n in row)
        good &= bool((chips[:, 0] < num_scales).all() and (chips >= 0).all())
        good &= bool((chips[:, 3:] > 0).all() and (chips < 2**31).all())
    except (ValueError, TypeError, OverflowError, RecursionError):
        good = False
    if not good:
        raise UserError(
            f"{printable(path)}:{index + 2}: is no list of [scale, top, left, height, "
            "width]: make the index again with od-api data chips"
        )
    return chips.astype(np.int32)


def _scales(message):
    """The scales of a Chips message, with all defaults."""
    return [
        {field.name: getattr(scale, field.name) for field in scale.DESCRIPTOR.fields}
        for scale in message.scales
    ]
