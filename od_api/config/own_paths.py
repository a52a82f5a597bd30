"""Paths of a config that start from its own folder: `paths_from_this_file`."""

import os

from od_api.core.errors import ConfigError
from od_api.core.message_fields import is_map, is_repeated

FIELD = "paths_from_this_file"
# {message: its fields that name files or folders of the user's}.
PATHS = {
    "TrainConfig": ("fine_tune_checkpoint",),
    "InputReader": ("label_map_path",),
    "Chips": ("index_path",),
    "TFRecordInputReader": ("input_path",),
    "CocoInputReader": ("annotations", "images"),
    "VocInputReader": ("annotations", "images"),
    "YoloInputReader": ("images", "labels", "names"),
}
# A file of weights, in the message of any backbone; but the one is a word.
_WEIGHTS, _WORDS = "weights", ("imagenet",)


def settle_paths(config, path):
    """Makes relative paths absolute where the config says that they start from it.

    Args:
      config: TrainEvalPipelineConfig as its file has it; it is changed, and no longer
        has the field.
      path: of that file.
    """
    if config.paths_from_this_file:
        _settle(config, os.path.dirname(os.path.abspath(path)))
    config.ClearField(FIELD)


def refuse_unsettled(config):
    """Raises ConfigError for a config that no file's folder was found for.

    That is one of --set, or one that was made in Python or parsed by its caller.
    """
    if config.HasField(FIELD):
        raise ConfigError(
            "counts in the file that it stands in, when od_api reads it: write it "
            "there, or remove it and name files from the working directory",
            FIELD,
        )


def names_files(message, field):
    """Whether a field of a message holds paths.

    Args:
      message: its descriptor.
      field: the field's descriptor.
    """
    if field.type != field.TYPE_STRING:
        return False
    return field.name == _WEIGHTS or field.name in PATHS.get(message.name, ())


def _settle(message, folder):
    for field, value in message.ListFields():
        if names_files(message.DESCRIPTOR, field):
            if is_repeated(field):
                value[:] = [_from(folder, one) for one in value]
            else:
                setattr(message, field.name, _from(folder, value))
        elif field.message_type is not None and not is_map(field):
            for inner in value if is_repeated(field) else [value]:
                _settle(inner, folder)


def _from(folder, path):
    """A path from a folder; addresses of other machines and words stay."""
    if not path or path in _WORDS or "://" in path:
        return path
    return os.path.normpath(os.path.join(folder, path))
