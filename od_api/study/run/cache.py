"""Results of stages as files, each under the hash of what it depends on."""

import hashlib
import json
import os
import pathlib

from od_api.core.errors import UserError
from od_api.system.json_files import read_json


def key_of(*parts):
    """A hash of values that JSON can hold: the same one for the same values."""
    text = json.dumps(parts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path, value):
    """Writes a file that is whole or not there, whatever stops the program."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
    os.replace(temporary, path)


class StageCache:
    """What the stages of one cell gave.

    Args:
      folder: where the files are, one a stage.
    """

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)

    def get(self, stage, key):
        """{"key", "seconds", "result"} of a stage, or None.

        Args:
          stage: its name.
          key: what it depends on now; a record of another key does not count.
        """
        try:
            record = read_json(self._path(stage))
        except UserError:  # it is not there, or damaged: the stage is done again
            return None
        whole = isinstance(record, dict) and {"key", "seconds", "result"} <= set(record)
        return record if whole and record["key"] == key else None

    def put(self, stage, key, seconds, result):
        """Records that a stage is done."""
        record = {"key": key, "seconds": round(seconds, 3), "result": result}
        write_json(self._path(stage), record)

    def _path(self, stage):
        return self._folder / f"{stage}.json"
