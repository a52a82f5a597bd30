"""The parts of a data set of TFRecords."""

import glob
import re
from typing import NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.label_map import LabelMap
from od_api.data.record_files import expand
from od_api.init.found_parts import FoundParts, settled
from od_api.init.part_names import part_of
from od_api.init.same_images import digest_of

# A set of shards is named as a whole, so that one that is not complete is found.
_SHARD = re.compile(r"-\d{5}-of-(\d{5})$")
_TEXT, _LABEL = "image/object/class/text", "image/object/class/label"


class FoundRecord(NamedTuple):
    """A record of a data set.

    Attributes:
      file, index: where it is.
      digest: of its image.
      classes: frozenset of the names or numbers of its objects' classes.
    """

    file: str
    index: int
    digest: bytes
    classes: frozenset


def record_parts(files, names=None):
    """FoundParts of TFRecords, by the names of their files.

    Args:
      files: a `data_kinds.Files`.
      names: path of the label map; by default it is looked for, or made of the names
        and numbers in the records.

    Raises:
      UserError: files cannot be read, or nobody says how the classes are called.
    """
    grouped = {}
    for path in files.records():
        pattern = _SHARD.sub(r"-?????-of-\1", glob.escape(str(files.root / path)))
        grouped.setdefault(part_of(path), {})[pattern] = None
    notes, classes = [], _Classes()
    parts = {}
    for part, paths in settled(grouped, files.root, notes).items():
        parts[part] = [r for path in expand(list(paths)) for r in _read(path, classes)]
        if not parts[part]:
            raise UserError(f"{printable(next(iter(paths)))}: has not one record")
    given = names or _label_map_in(files)
    label_map = LabelMap.load(given) if given else classes.label_map(files.root)
    return FoundParts(parts, label_map, notes)


class _Classes:
    """Collects {number: name} of the objects of records."""

    def __init__(self):
        self._names, self._fault = {}, "say no names of classes"

    def take(self, texts, labels):
        """Texts and numbers of a record's objects."""
        if len(texts) != len(labels):
            self._fault = "do not name the class of every object"
            return
        for text, label in zip(texts, labels, strict=True):
            if self._names.setdefault(label, text) != text:
                self._fault = f"have two names for class {label}"
                self._names = {}

    def label_map(self, place):
        """The LabelMap of what was taken; UserError where that is none."""
        if not self._names or self._fault != "say no names of classes":
            raise UserError(
                f"{printable(place)}: there is no label map (.pbtxt), and the records "
                f"{self._fault}: name the label map with --names"
            )
        return LabelMap.from_names(dict(sorted(self._names.items())))


def _read(path, classes):
    for index, serialized in enumerate(records.read(path)):
        try:
            features = tf.train.Example.FromString(serialized).features.feature
        except DecodeError as error:
            raise UserError(
                f"{printable(path)}: record {index} is no tf.Example"
            ) from error
        raw = features[_TEXT].bytes_list.value
        texts = [text.decode("utf-8", "replace") for text in raw]
        labels = list(features[_LABEL].int64_list.value)
        classes.take(texts, labels)
        image = b"".join(features["image/encoded"].bytes_list.value)
        found = frozenset(texts or map(str, labels))
        yield FoundRecord(path, index, digest_of(image), found)


def _label_map_in(files):
    found = files.of(".pbtxt")
    named = [p for p in found if "label" in p.name.casefold()]
    found = named or found
    if len(found) > 1:
        several = " and ".join(printable(p) for p in found[:3])
        raise UserError(
            f"{printable(files.root)} has several label maps: {several}. Name the one "
            "to use with --names"
        )
    return files.root / found[0] if found else None
