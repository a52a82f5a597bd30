"""Writing TFRecords that appear whole or not at all."""

import contextlib
import glob
import os
import re
import secrets

import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system.leftovers import workspace


class ShardedWriter:
    """Writes records in turn to `<prefix>-00000-of-0000N` ...; a context manager.

    The files appear under their names when the block ends without an exception, and
    not at all otherwise.

    Args:
      path_prefix: path and first part of the names.
      num_shards: number of files.

    Attributes:
      paths: the names of the files.
      num_records: written so far.
    """

    def __init__(self, path_prefix, num_shards=1):
        if num_shards < 1:
            raise UserError(f"num_shards must be at least 1, not {num_shards}")
        if not os.path.basename(path_prefix):
            raise UserError(
                f"{printable(path_prefix)} is a folder: name the first part of the "
                f"files as well, e.g. {printable(path_prefix)}train.record"
            )
        self.num_records = 0
        self._prefix = os.fspath(path_prefix)
        self.paths = [
            f"{path_prefix}-{i:05d}-of-{num_shards:05d}" for i in range(num_shards)
        ]
        self._temporary = []
        self._writers = []
        self._cleanup = contextlib.ExitStack()

    def __enter__(self):
        refuse_other_shards(self._prefix, len(self.paths))
        try:
            self._temporary = self._unfinished_paths()
            for path in self._temporary:
                self._writers.append(tf.io.TFRecordWriter(path))
        except (tf.errors.OpError, OSError) as error:
            self._discard()
            raise self._cannot_write(error) from error
        return self

    def write(self, record):
        """Appends one tf.train.Example or its serialized bytes.

        Raises:
          UserError: the file cannot be written (no space left, ...).
        """
        if not isinstance(record, bytes):
            record = record.SerializeToString()
        try:
            self._writers[self.num_records % len(self._writers)].write(record)
        except tf.errors.OpError as error:
            raise self._cannot_write(error) from error
        self.num_records += 1

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            self._discard()
            return
        try:
            for writer in self._writers:
                writer.close()
            for temporary, path in zip(self._temporary, self.paths, strict=True):
                tf.io.gfile.rename(temporary, path, overwrite=True)
        except tf.errors.OpError as error:
            raise self._cannot_write(error) from error
        finally:
            self._discard()

    def _unfinished_paths(self):
        """Where the files are until they are complete: no pattern finds them there."""
        folder, name = os.path.split(self._prefix)
        if "://" in folder:
            # No locks there, so that nobody could tell whose a folder is.
            unfinished = f"{folder}/.{name}.unfinished-{secrets.token_hex(4)}"
            tf.io.gfile.makedirs(unfinished)
            self._cleanup.callback(tf.io.gfile.rmtree, unfinished)
        else:
            unfinished = self._cleanup.enter_context(workspace(self._prefix))
        return [os.path.join(unfinished, os.path.basename(p)) for p in self.paths]

    def _discard(self):
        for writer in self._writers:
            try:
                writer.close()
            except tf.errors.OpError:
                logging.debug("closing an unfinished shard failed, as expected")
        self._cleanup.close()

    def _cannot_write(self, error):
        reason = getattr(error, "message", None) or getattr(error, "strerror", error)
        return UserError(f"cannot write {printable(self.paths[0])}: {reason}")


def refuse_other_shards(prefix, num_shards):
    """Refuses to write beside the files of a run with another number of shards.

    Raises:
      UserError: there are such files; a pattern would read the old records and the new.
    """
    pattern = re.compile(re.escape(os.path.basename(prefix)) + r"-\d{5,}-of-(\d{5,})")
    others = [
        path
        for path in sorted(tf.io.gfile.glob(glob.escape(prefix) + "-*-of-*"))
        if (match := pattern.fullmatch(os.path.basename(path)))
        and int(match[1]) != num_shards
    ]
    if others:
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise UserError(
            f"{printable(others[0])}{more} are there from an earlier run with another "
            f"number of files than {num_shards}, and a pattern such as "
            f"{printable(prefix)}-* would read both: remove them, or choose another "
            "--output or the same --num-shards"
        )
