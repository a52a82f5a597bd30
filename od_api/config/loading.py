"""Loading a pipeline.config: base, overrides, and errors that say where.

The schema is the TensorFlow Object Detection API's, so its configs parse unchanged.
This module imports no TensorFlow and no part: reading a config is instant.
"""

import contextlib
import copy
import os
import pathlib
from collections.abc import Iterable

from google.protobuf import text_format

from od_api.config.config_bytes import parse_bytes
from od_api.config.overrides import apply_override, overriding
from od_api.config.own_paths import settle_paths
from od_api.config.replaced_fields import clear_replaced
from od_api.config.text_layout import TextLayout
from od_api.config.text_parsing import nearest, parse_message
from od_api.core.errors import ConfigError, UserError
from od_api.core.message_fields import is_map, is_repeated
from od_api.core.printable import printable
from od_api.protos import pipeline_pb2
from od_api.system.files import decode_text, read_bytes

__all__ = ["load_config", "locate", "nearest", "parse_message", "write_config"]


def load_config(
    path: str | os.PathLike[str], overrides: Iterable[str] = ()
) -> pipeline_pb2.TrainEvalPipelineConfig:
    """Reads a pipeline config.

    Args:
      path: a text (or binary) TrainEvalPipelineConfig. Its `base`, if set, names
        another config, relative to this one, that is loaded first.
      overrides: strings `path.to.field=value`, e.g. `train_config.batch_size=8`,
        `eval_input_reader[0].shuffle=false`,
        `model.ssd.box_coder={square_box_coder {}}`.

    Returns:
      TrainEvalPipelineConfig with the base merged in; where a file says
      `paths_from_this_file`, its relative paths are absolute.

    Raises:
      ConfigError: with file, line, column and the nearest valid name.
    """
    config = _read_with_base(path)
    for override in overrides:
        apply_override(config, override)
    return config


def write_config(config, path):
    """Writes a config as text; the file appears whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.saving")
    temporary.write_text(text_format.MessageToString(config), encoding="utf-8")
    os.replace(temporary, path)


def locate(error, path, overrides=()):
    """The same ConfigError with `file:line:column` of its field in the config `path`.

    A field that the file does not set is placed at the innermost message around it;
    one that comes from the base is looked up there, and one that an override set is
    placed there.
    """
    if error.location or not error.field_path:
        return error
    override = overriding(error.field_path, overrides)
    if override:
        return type(error)(error.message, error.field_path, f"--set {override}")
    deepest, place = 0, str(path)
    for file in _files_of(path):
        field = _layout_of(file).nearest(error.field_path)
        if field and len(field.path) > deepest:
            deepest, place = len(field.path), f"{file}:{field.line}:{field.column}"
    return type(error)(error.message, error.field_path, place)


@contextlib.contextmanager
def placed(path, overrides=()):
    """Yields the config at `path`; errors of the block are placed in it (`locate`)."""
    try:
        yield load_config(path, overrides)
    except ConfigError as error:
        raise locate(error, path, overrides) from error


def own_config(run):
    """The path of the config that a run was trained with, in its folder.

    Raises:
      UserError: there is none.
    """
    path = os.path.join(run, "pipeline.config")
    if not os.path.isfile(path):
        raise UserError(
            f"{printable(run)} has no pipeline.config, so that it is no directory of a "
            "training run: name a config before it"
        )
    return path


def _read_with_base(path):
    config = _read(path)
    if not config.HasField("base"):
        return config
    base_path = os.path.join(os.path.dirname(path), config.base)
    try:
        base = _read(base_path)
    except ConfigError as error:
        if error.location:
            raise
        raise locate(ConfigError(error.message, "base"), path) from error
    if base.HasField("base"):
        raise locate(
            ConfigError(
                f"{base_path} has a base of its own ({base.base}); a base must be a "
                "complete config",
                "base",
            ),
            path,
        )
    config.ClearField("base")
    _merge_over(base, config)
    return base


def _read(path):
    """The message of one file; errors are ConfigErrors."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    try:
        text = parse_bytes(read_bytes(path, "config"), config, path)
    except ConfigError:
        raise
    except UserError as error:
        raise ConfigError(str(error)) from error
    if text is not None:
        parse_message(text, config, str(path))
    settle_paths(config, path)
    return config


def _layout_of(file):
    """Where fields stand in a file; nowhere in one that is binary or unreadable."""
    try:
        return TextLayout(decode_text(read_bytes(file), file))
    except UserError:
        return TextLayout("")


def _files_of(path):
    """The config file, and its base if it names one."""
    files = [str(path)]
    try:
        base = _read(path).base
    except ConfigError:
        base = ""
    if base:
        files.append(os.path.join(os.path.dirname(path), base))
    return files


def _merge_over(base, diff):
    """Merges `diff` into `base`: set fields override, lists are replaced.

    A field that takes the place of older ones clears them in the base.
    """
    for field, _ in diff.ListFields():
        clear_replaced(base, field.name)
    for field, value in diff.ListFields():
        if is_repeated(field):
            base.ClearField(field.name)
            if is_map(field):
                getattr(base, field.name).MergeFrom(value)
            else:
                getattr(base, field.name).extend(copy.deepcopy(list(value)))
        elif field.message_type is not None:
            target = getattr(base, field.name)
            target.SetInParent()
            _merge_over(target, value)
        else:
            setattr(base, field.name, value)
