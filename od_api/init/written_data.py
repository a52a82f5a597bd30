"""The parts of a data set as TFRecords, and what is known of them."""

import itertools
import math
from pathlib import Path
from typing import NamedTuple

from od_api.data import records
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.convert import write_records
from od_api.data.sharded_writer import ShardedWriter
from od_api.init.record_parts import FoundRecord
from od_api.init.shared_ids import SharedIds

# Images of a record file.
_OF_A_FILE = 1000


class WrittenPart(NamedTuple):
    """A part of a data set, in records.

    Attributes:
      paths: of the files, or relative to the folder that they were written to.
      summary: of the conversion; None of records that were there.
      written: whether the files were written now.
    """

    paths: list
    summary: dict | None
    written: bool

    def within(self, folder):
        """The paths, of a folder that may have been moved since."""
        return [str(folder / p) if self.written else p for p in self.paths]


def write_parts(parts, found, folder, *, skip_bad_images=False, progress=True):
    """{part: WrittenPart}; records that are there already are used where they are.

    Args:
      parts: {part: [item]}.
      found: the FoundParts that they were made of.
      folder: Path of the folder of the records, which exists.
      skip_bad_images, progress: as `Options`.

    Raises:
      UserError: an image is bad.
    """
    written = {}
    for part, items in parts.items():
        prefix = folder / f"{part}.record"
        shards = max(math.ceil(len(items) / _OF_A_FILE), 1)
        if not isinstance(items[0], FoundRecord):
            options = Options(
                num_shards=shards, skip_bad_images=skip_bad_images, progress=progress
            )
            summary = write_records(items, str(prefix), SharedIds(), options)
            written[part] = WrittenPart(_names(prefix, shards), summary, True)
        elif len(items) == len(found.parts.get(part, ())):
            files = dict.fromkeys(str(Path(r.file).absolute()) for r in items)
            written[part] = WrittenPart(list(files), None, False)
        else:
            _copy(items, prefix, shards)
            written[part] = WrittenPart(_names(prefix, shards), None, True)
    return written


def _names(prefix, shards):
    """Their pattern would do, but a list says what belongs to it."""
    return [f"{prefix.name}-{i:05d}-of-{shards:05d}" for i in range(shards)]


def _copy(items, prefix, shards):
    """Writes records as they are, in the order of their files."""
    with ShardedWriter(str(prefix), shards) as writer:
        for file, group in itertools.groupby(items, lambda item: item.file):
            wanted = {item.index for item in group}
            for index, serialized in enumerate(records.read(file)):
                if index in wanted:
                    writer.write(serialized)
