"""Loading a pipeline.config: base, overrides, and errors that say where.

The schema is the TensorFlow Object Detection API's, so its configs parse unchanged.
This module imports no TensorFlow and no part: reading a config is instant.
"""

import copy
import difflib
import os
import pathlib
import re

from absl import logging
from google.protobuf import message as protobuf_message
from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.registry import is_map, is_repeated
from od_api.core.text_layout import TextLayout
from od_api.protos import pipeline_pb2

# Fields of released configs that later schemas dropped: cut out, and the log says so.
RETIRED_FIELDS = {
    ("SsdFeatureExtractor", "batch_norm_trainable"): (
        "batch norm follows conv_hyperparams.batch_norm.train and freeze_batchnorm"
    ),
}


def load_config(path, overrides=()):
    """Reads a pipeline config.

    Args:
      path: a text (or binary) TrainEvalPipelineConfig. Its `base`, if set, names
        another config, relative to this one, that is loaded first.
      overrides: strings `path.to.field=value`, e.g. `train_config.batch_size=8`,
        `eval_input_reader[0].shuffle=false`,
        `model.ssd.box_coder={square_box_coder {}}`.

    Returns:
      TrainEvalPipelineConfig with the base merged in.

    Raises:
      ConfigError: with file, line, column and the nearest valid name.
    """
    config = _read_with_base(path)
    for override in overrides:
        _set(config, override)
    return config


def write_config(config, path):
    """Writes a config as text; the file appears whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.saving")
    temporary.write_text(text_format.MessageToString(config), encoding="utf-8")
    os.replace(temporary, path)


def parse_message(text, message, name):
    """Merges text format into `message`.

    Args:
      text: what to parse.
      message: an instance of the message type that the text describes.
      name: the file's name, for errors.

    Raises:
      ConfigError: with `name:line:column` and the nearest valid name.
    """
    try:
        text_format.Merge(text, message)
    except text_format.ParseError as error:
        shorter = _without_retired_field(text, error)
        if shorter is None:
            raise _explain(error, text, message.DESCRIPTOR, name) from error
        message.Clear()
        parse_message(shorter, message, name)


def locate(error, path):
    """The same ConfigError with `file:line:column` of its field in the config `path`.

    A field that the file does not set is placed at the innermost message around it;
    one that comes from the base is looked up there.
    """
    if error.location or not error.field_path:
        return error
    for file in _files_of(path):
        text = pathlib.Path(file).read_text(encoding="utf-8", errors="replace")
        field = TextLayout(text).nearest(error.field_path)
        if field:
            place = f"{file}:{field.line}:{field.column}"
            return ConfigError(error.message, error.field_path, place)
    return ConfigError(error.message, error.field_path, str(path))


def nearest(name, valid):
    """`Did you mean ...?` for a misspelt name, or the list of valid names if few."""
    close = difflib.get_close_matches(name, list(valid), n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "valid names: " + ", ".join(sorted(valid))


def _read_with_base(path):
    config = _read(path)
    if not config.HasField("base"):
        return config
    base_path = os.path.join(os.path.dirname(path), config.base)
    base = _read(base_path)
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
    try:
        raw = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(_missing_file(path, error)) from error
    config = pipeline_pb2.TrainEvalPipelineConfig()
    try:
        text = raw.decode("utf-8")
        if "\0" in text:
            raise ValueError("binary")
    except ValueError:
        try:
            config.ParseFromString(raw)
        except protobuf_message.DecodeError as error:
            raise ConfigError(
                f"{path} is neither text nor a binary TrainEvalPipelineConfig"
            ) from error
        return config
    parse_message(text, config, str(path))
    return config


def _missing_file(path, error):
    folder = pathlib.Path(path).parent
    if folder.is_dir():
        names = [p.name for p in folder.iterdir()]
        close = difflib.get_close_matches(pathlib.Path(path).name, names, n=3)
        hint = f"; {folder} has {', '.join(close)}" if close else ""
    else:
        hint = f"; the folder {folder} does not exist"
    return f"cannot read the config {path}: {error.strerror}{hint}"


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
    """Merges `diff` into `base`: set fields override, lists are replaced."""
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


def _set(config, override):
    """Applies one `path=value`."""
    path, equals, value = override.partition("=")
    if not equals or not path:
        raise ConfigError(
            f"the override {override!r} is not of the form path.to.field=value"
        )
    path, value = path.strip(), value.strip()
    message = config
    steps = path.split(".")
    for step in steps[:-1]:
        message = _descend(message, step, path)
    name, index = _name_and_index(steps[-1])
    field = _field_of(message, name, path)
    if index is not None:
        raise ConfigError(f"in --set {path}: set a whole list as {name}=[a, b]")
    _assign(message, field, value, path)


def _descend(message, step, path):
    name, index = _name_and_index(step)
    field = _field_of(message, name, path)
    if field.message_type is None:
        raise ConfigError(f"in --set {path}: {name} is a value, not a message")
    child = getattr(message, name)
    if not is_repeated(field):
        child.SetInParent()
        return child
    if index is None and len(child) == 1:
        index = 0
    if index is None or index >= len(child):
        raise ConfigError(
            f"in --set {path}: {name} is a list of {len(child)}; say which, "
            f"e.g. {name}[0]"
        )
    return child[index]


def _name_and_index(step):
    match = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", step)
    if not match:
        raise ConfigError(f"{step!r} in an override is not a field name")
    return match[1], None if match[2] is None else int(match[2])


def _field_of(message, name, path):
    fields = message.DESCRIPTOR.fields_by_name
    if name not in fields:
        raise ConfigError(
            f"in --set {path}: {message.DESCRIPTOR.name} has no field {name}; "
            + nearest(name, fields)
        )
    return fields[name]


def _assign(message, field, value, path):
    if field.message_type is not None and not value.startswith(("{", "[")):
        raise ConfigError(
            f"in --set {path}: {field.name} is a message; write {path}={{ ... }} or "
            "name one of its fields"
        )
    if field.cpp_type == field.CPPTYPE_STRING and value[:1] not in ('"', "'", "["):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    message.ClearField(field.name)
    try:
        text_format.Merge(f"{field.name}: {value}", message)
    except text_format.ParseError as error:
        shifted = _explain(error, value, message.DESCRIPTOR, "")
        raise ConfigError(f"in --set {path}={value}: {shifted.message}") from error


def _without_retired_field(text, error):
    """The text without the retired field that `error` is about, or None."""
    match = _UNKNOWN_FIELD.search(str(error))
    if not match:
        return None
    reason = RETIRED_FIELDS.get((match[1].rsplit(".", 1)[-1], match[2]))
    if reason is None:
        return None
    place = (error.GetLine(), error.GetColumn())
    for field in TextLayout(text).fields:
        if (field.line, field.column) == place:
            logging.warning("%s has no effect any more: %s", match[2], reason)
            blank = re.sub(r"[^\n]", " ", text[field.start : field.end])
            return text[: field.start] + blank + text[field.end :]
    return None


_UNKNOWN_FIELD = re.compile(r'type "([\w.]+)" has no field named "([^"]+)"')
_UNKNOWN_VALUE = re.compile(r'Enum type "([\w.]+)" has no value named (\w+)')


def _explain(error, text, descriptor, name):
    """A ConfigError that says what protobuf's ParseError means for the author."""
    line, column = error.GetLine(), error.GetColumn()
    problem = re.sub(r"^[\d:]+ : ", "", str(error)).replace("od_api.protos.", "")
    pool = descriptor.file.pool
    layout = TextLayout(text)
    unknown = _UNKNOWN_FIELD.search(str(error))
    enum = _UNKNOWN_VALUE.search(str(error))
    if unknown:
        owner = pool.FindMessageTypeByName(unknown[1])
        problem = _unknown_field(owner, unknown[2], layout, line, column, descriptor)
    elif enum:
        values = pool.FindEnumTypeByName(enum[1]).values_by_name
        problem = f"{enum[1].rsplit('.', 1)[-1]} has no value {enum[2]}; " + nearest(
            enum[2], values
        )
    elif layout.unclosed:
        opened = layout.unclosed[-1]
        problem = (
            f"the brace of `{opened.name} {{` opened at line {opened.line}, column "
            f"{opened.column} is never closed"
        )
    elif layout.stray:
        line, column = layout.stray.line, layout.stray.column
        problem = f"`{layout.stray.text}` closes a brace that was never opened"
    return ConfigError(problem, location=f"{name}:{line}:{column}" if name else "")


def _unknown_field(owner, field, layout, line, column, root):
    """Message about a field that its message does not have."""
    around = layout.open_at(line, column)
    descriptors = [root]
    for opened in around[:-1]:
        inner = descriptors[-1].fields_by_name.get(opened.name)
        if inner is None or inner.message_type is None:
            break
        descriptors.append(inner.message_type)
    for outer in reversed(descriptors):
        if outer is not owner and field in outer.fields_by_name and layout.unclosed:
            opened = around[-1]
            return (
                f"`{field}` belongs to {outer.name}, but stands inside {owner.name}: "
                f"the brace of `{opened.name} {{` opened at line {opened.line}, "
                f"column {opened.column} is probably not closed"
            )
    return f"{owner.name} has no field {field}; " + nearest(field, owner.fields_by_name)
