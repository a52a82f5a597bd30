"""The checkpoints of a run that is still writing them, each handed out once."""

import os

import tensorflow as tf

from od_api.checkpoints import checkpoint_files as files
from od_api.core.warn_once import warn_once


class CheckpointQueue:
    """Hands out the newest whole checkpoint that was not handed out yet.

    Args:
      directory: the model_dir of the run, which may not exist yet.
      done: steps that are not wanted.
    """

    def __init__(self, directory, done=()):
        self._directory = os.fspath(directory)
        self._done = set(done)

    def next(self):
        """(step, prefix), or None where there is none now."""
        for step, prefix in reversed(files.numbered(self._directory).items()):
            if step in self._done:
                continue
            if files.is_whole(prefix):
                self._done.add(step)
                return step, prefix
            if self.still_has(prefix):
                self._done.add(step)
                warn_once(f"{prefix} is damaged and passed over")
        return None

    def still_has(self, prefix):
        """Whether training has not dropped a checkpoint meanwhile."""
        return tf.io.gfile.exists(f"{prefix}.index")
