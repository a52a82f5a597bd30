"""A copy of the best checkpoint of a run, out of reach of the pruning."""

import json
import math
import os

import tensorflow as tf

from od_api.core import checkpoint_files as files


class BestCheckpoint:
    """Keeps the best checkpoint in `<model_dir>/best/`.

    `best/best.json` says which one it is, by which metric and value.
    """

    def __init__(self, model_dir):
        self._dir = os.path.join(os.fspath(model_dir), "best")
        self._record = os.path.join(self._dir, "best.json")

    def record(self):
        """{"checkpoint", "step", "metric", "value"} of the best one, or None."""
        if not tf.io.gfile.exists(self._record):
            return None
        with tf.io.gfile.GFile(self._record) as file:
            return json.load(file)

    def path(self):
        """The prefix of the best one, or None."""
        record = self.record()
        return record and os.path.join(self._dir, record["checkpoint"])

    def offer(self, prefix, metric, value, larger_is_better=True):
        """Keep the checkpoint if its value beats the best one's.

        Args:
          prefix: the checkpoint that was evaluated.
          metric: the metric's name; the record of another metric does not count.
          value: a number; NaN is never the best.
          larger_is_better: False for losses.

        Returns:
          Whether it is the new best.
        """
        value = float(value)
        best = self.record()
        if math.isnan(value):
            return False
        if best and best["metric"] == metric:
            sign = 1 if larger_is_better else -1
            if sign * value <= sign * best["value"]:
                return False
        self.keep(prefix, metric, value)
        return True

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
            files.write_text(self._record, json.dumps(record, indent=2) + "\n")
            for other in files.numbered(self._dir).values():
                if os.path.basename(other) != name:
                    files.remove(other)
