"""Writing TFRecords that appear whole or not at all."""

import glob
import os

import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError


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
            raise ValueError(f"num_shards must be at least 1, not {num_shards}")
        self.num_records = 0
        self.paths = [
            f"{path_prefix}-{i:05d}-of-{num_shards:05d}" for i in range(num_shards)
        ]
        # Hidden, so that no glob over the prefix finds an unfinished file.
        self._temporary = [
            os.path.join(
                os.path.dirname(p), f".{os.path.basename(p)}.{os.getpid()}.tmp"
            )
            for p in self.paths
        ]
        self._writers = []

    def __enter__(self):
        self._warn_of_other_shards()
        try:
            tf.io.gfile.makedirs(os.path.dirname(self.paths[0]) or ".")
            for path in self._temporary:
                self._writers.append(tf.io.TFRecordWriter(path))
        except tf.errors.OpError as error:
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
            self._discard()
            raise self._cannot_write(error) from error

    def _discard(self):
        for writer in self._writers:
            try:
                writer.close()
            except tf.errors.OpError:
                logging.debug("closing an unfinished shard failed, as expected")
        for path in self._temporary:
            if tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)

    def _cannot_write(self, error):
        return UserError(f"cannot write {self.paths[0]}: {error.message}")

    def _warn_of_other_shards(self):
        prefix = self.paths[0].rsplit("-", 3)[0]
        others = tf.io.gfile.glob(glob.escape(prefix) + "-?????-of-?????")
        others = sorted(set(others) - set(self.paths))
        if others:
            logging.warning(
                "%s and %d more are shards of an earlier run with another number of "
                "files: a pattern such as %s-* would read both",
                others[0],
                len(others) - 1,
                prefix,
            )
