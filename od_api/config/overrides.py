"""`--set path.to.field=value`: one field of a config, set on the command line."""

import re

from od_api.config.replaced_fields import clear_replaced
from od_api.config.text_parsing import nearest, parse_message
from od_api.core.errors import ConfigError
from od_api.core.message_fields import is_repeated
from od_api.core.printable import printable

_STEP = re.compile(r"(\w+)(?:\[([0-9]{1,9})\])?")


def apply_override(config, override):
    """Applies one `path=value`.

    Raises:
      ConfigError: the path names no field (with the nearest one), or the value is none
        of it.
    """
    path, equals, value = override.partition("=")
    if not equals or not path:
        raise ConfigError(
            f"the override {printable(override)!r} is not of the form "
            "path.to.field=value"
        )
    path, value = path.strip(), value.strip()
    message = config
    steps = path.split(".")
    for step in steps[:-1]:
        clear_replaced(message, step)
        message = _descend(message, step, path)
    clear_replaced(message, steps[-1])
    name, index = _name_and_index(steps[-1])
    field = _field_of(message, name, path)
    if index is not None:
        raise ConfigError(f"in --set {path}: set a whole list as {name}=[a, b]")
    _assign(message, field, value, path)


def overriding(field_path, overrides):
    """The last override that sets a field, or a message around it, or None."""
    wanted = _without_zeros(field_path)
    for override in reversed(list(overrides)):
        name = _without_zeros(override.partition("=")[0].strip())
        if wanted == name or wanted.startswith((name + ".", name + "[")):
            return override
    return None


def _without_zeros(path):
    """A path in one form: the only item of a list needs no index."""
    return path.replace("[0]", "")


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
    match = _STEP.fullmatch(step)
    if not match:
        raise ConfigError(f"{printable(step)!r} in an override is not a field name")
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
        parse_message(f"{field.name}: {value}", message, "")
    except ConfigError as error:
        said = printable(f"{path}={value}"[:200])
        raise ConfigError(f"in --set {said}: {error.message}") from error
