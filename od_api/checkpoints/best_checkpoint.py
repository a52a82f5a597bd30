"""A copy of the best checkpoint of a run, out of reach of the pruning."""

import json
import os

import tensorflow as tf

from od_api.checkpoints import checkpoint_files as files
from od_api.core.warn_once import warn_once

_RECORD_TYPES = {"checkpoint": str, "step": int, "metric": str, "value": (int, float)}


class BestCheckpoint:
    """Keeps the best checkpoint in `<model_dir>/best/`.

    `best/best.json` says which one it is, by which metric and value.
    """

    def __init__(self, model_dir):
        self._root = os.fspath(model_dir)
        self._dir = os.path.join(self._root, "best")
        self._record = os.path.join(self._dir, "best.json")

    def record(self):
        """{"checkpoint", "step", "metric", "value"} of the best one, or None.

        A record that cannot be read counts as none: it is written anew.
        """
        if not tf.io.gfile.exists(self._record):
            return None
        try:
            with tf.io.gfile.GFile(self._record) as file:
                record = json.loads(file.read())
        except (ValueError, RecursionError, tf.errors.OpError) as error:
            warn_once(f"{self._record} cannot be read and is passed over: {error}")
            return None
        if isinstance(record, dict) and all(
            isinstance(record.get(name), kind) for name, kind in _RECORD_TYPES.items()
        ):
            return record
        warn_once(f"{self._record} is no record of ours and is passed over")
        return None

    def path(self):
        """The prefix of the best one, or None."""
        record = self.record()
        return record and os.path.join(self._dir, record["checkpoint"])

    def choose(self, metric, ranked):
        """Make the best checkpoint that there still is the one in `best/`.

        Nothing is written where it is there already. A run that was killed between an
        evaluation and the copy is mended so.

        Args:
          metric: the name of what decides.
          ranked: [(step, value)] of the evaluations, best first.

        Raises:
          UserError: the disk is full.
        """
        record = self.record()
        for step, value in ranked:
            name = f"ckpt-{step}"
            wanted = {
                "checkpoint": name,
                "step": step,
                "metric": metric,
                "value": value,
            }
            here = os.path.join(self._dir, name)
            kept = record is not None and record["checkpoint"] == name
            if kept and files.is_whole(here):
                with files.disk_errors(here):
                    if record != wanted:
                        self._write(wanted)
                    self._drop_others(name)
                return
            if files.is_whole(os.path.join(self._root, name)):
                self.keep(os.path.join(self._root, name), metric, value)
                return
            warn_once(
                f"step {step} was evaluated with {metric} {value:.4f}, but "
                f"{self._root} no longer holds its checkpoint: best/ gets the best of "
                "those that are there"
            )

    def keep(self, prefix, metric, value):
        """Make a checkpoint the best one, and drop the one before.

        Raises:
          UserError: the disk is full.
        """
        name = os.path.basename(prefix)
        record = {
            "checkpoint": name,
            "step": int(name.rpartition("-")[2]),
            "metric": metric,
            "value": value,
        }
        with files.disk_errors(os.path.join(self._dir, name)):
            files.copy_whole(prefix, os.path.join(self._dir, name))
            self._write(record)
            self._drop_others(name)

    def _drop_others(self, name):
        files.sweep(self._dir)
        for other in files.numbered(self._dir).values():
            if os.path.basename(other) != name:
                files.remove(other)

    def _write(self, record):
        files.write_text(self._record, json.dumps(record, indent=2) + "\n")
