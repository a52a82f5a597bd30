"""What a run began with and cannot change: where its weights and classes come from."""

import hashlib
import json
import os
import pathlib

from absl import logging

from od_api.core.errors import ConfigError
from od_api.core.printable import printable
from od_api.system.files import read_bytes

_NAME = "run.json"
_START = "train_config.fine_tune_checkpoint"
# Of a checkpoint of several files, and in earlier records, there is none.
_DIGEST = "fine_tune_digest"
_AT_ONCE = 1 << 20  # bytes of a file
_LABELS = "train_input_reader.label_map_path"


class RunRecord:
    """`<model_dir>/run.json`: what the first start of a run found in its config.

    Args:
      model_dir: of the run.
      config: TrainEvalPipelineConfig.
      label_map: LabelMap of the training data.
      num_classes: of the model.
    """

    def __init__(self, model_dir, config, label_map, num_classes):
        self._path = pathlib.Path(model_dir) / _NAME
        settings = config.train_config
        model = config.model.WhichOneof("model")
        self._classes_field = f"model.{model}.num_classes" if model else "model"
        self._weights = settings.fine_tune_checkpoint
        self._now = {
            "num_classes": num_classes,
            "classes": {str(i): label_map.name(i) for i in label_map.ids},
            "fine_tune_checkpoint": self._weights,
        }

    @property
    def exists(self):
        """Whether there is a record already."""
        return self._path.exists()

    def check(self):
        """Refuses to resume with other weights to start from, or other classes.

        A file of weights that has moved since, and is the same byte for byte, passes.

        Raises:
          ConfigError: with what was, what is, and the cure.
        """
        before = self._read()
        if before is None:
            return
        now = self._now
        old, new = before["fine_tune_checkpoint"], now["fine_tune_checkpoint"]
        moved = before.get(_DIGEST) and before[_DIGEST] == _digest(new)
        if old != new and _absolute(old) != _absolute(new) and not moved:
            raise self._changed(_START, _quoted(old), _quoted(new))
        if before["num_classes"] != now["num_classes"]:
            raise self._changed(
                self._classes_field, before["num_classes"], now["num_classes"]
            )
        ids = sorted({*before["classes"], *now["classes"]}, key=int)
        for i in ids:
            old, new = before["classes"].get(i), now["classes"].get(i)
            if old != new:
                names = f"class {i} {_quoted(old)}", f"class {i} {_quoted(new)}"
                raise self._changed(_LABELS, *names)

    def write(self):
        """Records the config of a run that begins."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(f".{_NAME}.saving")
        record = self._now | {_DIGEST: _digest(self._weights)}
        temporary.write_text(json.dumps(record, indent=2) + "\n")
        os.replace(temporary, self._path)

    def _read(self):
        """What was recorded; None where nothing was, or nothing that can be used."""
        if not self._path.exists():
            return None
        try:
            record = json.loads(read_bytes(self._path, "record of the run"))
            kinds = {name: type(value) for name, value in self._now.items()}
            if all(type(record[name]) is kind for name, kind in kinds.items()):
                record["classes"] = {
                    str(int(k)): v for k, v in record["classes"].items()
                }
                return record
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        logging.warning(
            "%s is damaged: whether the run began with this label map and "
            "fine_tune_checkpoint is not known",
            printable(self._path),
        )
        return None

    def _changed(self, field, old, new):
        return ConfigError(
            f"the run in {printable(self._path.parent)} began with {old}, and the "
            f"config now has {new}: its checkpoints would be resumed all the same. Set "
            "it back, or choose a new model_dir",
            field,
        )


def _absolute(path):
    return os.path.abspath(path) if path else ""


def _digest(path):
    """SHA-256 of a file as hexadecimal; "" of anything else."""
    found = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(_AT_ONCE), b""):
                found.update(part)
    except OSError:
        return ""
    return found.hexdigest()


def _quoted(value):
    return repr(printable(value)) if value else "none"
