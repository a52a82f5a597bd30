"""From a protocol buffer message to the part it describes.

    @register(losses_pb2.GiouLoss)
    class GiouLoss:
        def __init__(self, *, loss_weight=1.0): ...

`build(message)` finds the class by the message's type and calls it with the fields
that are set as keyword arguments, building sub-messages on the way. A field that is not
set is not passed: the constructor's default applies, and a test checks that it agrees
with the schema's. A class whose constructor does not fit its message defines
`from_proto(cls, message, **context)`.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from od_api.core.errors import ConfigError, MissingPart
from od_api.core.field_ranges import refuse_ranges
from od_api.core.message_fields import is_map, is_repeated
from od_api.core.ranges import RangeError
from od_api.core.warn_once import warn_once

FAMILIES = (
    "anchors",
    "assigners",
    "augment",
    "backbones",
    "batch_schemes",
    "box_coders",
    "columns",
    "detectors",
    "groupings",
    "heads",
    "ignore_rules",
    "layers",
    "losses",
    "necks",
    "objectives",
    "optim",
    "postprocess",
    "region_operators",
    "resizers",
    "samplers",
    "similarities",
    "suppressions",
)

_PARTS = {}
_IGNORED = {}
_families_imported = False


def register(message_class, ignored=None):
    """Decorator: this class is what `message_class` describes.

    Args:
      message_class: a generated message class.
      ignored: {field name: reason} of fields that are accepted for compatibility and
        have no effect; setting one says so once in the log.
    """

    def add(part):
        name = message_class.DESCRIPTOR.full_name
        if name in _PARTS:
            raise ValueError(f"{name} is registered twice: {_PARTS[name]}, {part}")
        _PARTS[name] = part
        _IGNORED[name] = dict(ignored or {})
        return part

    return add


def registered():
    """{message full name: class} of every part, all families imported."""
    _import_families()
    return dict(_PARTS)


def ignored_fields(message_name):
    """{field name: reason} of the fields of a message that have no effect."""
    _import_families()
    return _IGNORED.get(message_name, {})


def build(message: Message, required: Iterable[str] = (), **context: Any) -> Any:
    """The part that a message describes.

    Args:
      message: a message instance. One whose fields are all members of a single oneof is
        a slot: it is followed to the member that is set.
      required: names of the context that the part itself must ask for: what the user
        set would have no effect otherwise.
      **context: what no config can know (`num_classes`, `anchors_per_location`); it
        reaches the constructors that ask for it by name.

    Raises:
      ConfigError: an empty slot, a message without a part, a part that does not ask
        for what is required, or a value that the part's constructor refuses
        (ValueError), with the path of the field.
    """
    _import_families()
    refuse_ranges(message)
    descriptor = message.DESCRIPTOR
    if is_slot(descriptor):
        return _build_slot(message, required, context)
    part = _PARTS.get(descriptor.full_name)
    if part is None:
        raise MissingPart(
            f"{descriptor.name} is part of the schema, but od_api has no "
            "implementation of it yet"
        )
    _log_ignored(message)
    _check_required(part, descriptor, required)
    if hasattr(part, "from_proto"):
        return _call(lambda: part.from_proto(message, **context), message)
    arguments = _context_for(part, context)
    skip = _IGNORED[descriptor.full_name]
    for field, value in message.ListFields():
        if field.name not in skip:
            arguments[field.name] = _value(message, field, value, context)
    return _call(lambda: part(**arguments), message)


def build_field(message, field_name, required=(), **context):
    """`build` of one field of a message; errors carry the field's name.

    Raises:
      ConfigError: the field is not set, or as `build`.
    """
    if not message.HasField(field_name):
        raise ConfigError(
            f"is not set in {message.DESCRIPTOR.name}, and it is needed", field_name
        )
    try:
        return build(getattr(message, field_name), required=required, **context)
    except ConfigError as error:
        raise error.within(field_name) from error


def build_each(message, field_name, **context):
    """`build` of every item of a repeated field; errors carry name and place."""
    built = []
    for i, item in enumerate(getattr(message, field_name)):
        try:
            built.append(build(item, **context))
        except ConfigError as error:
            raise error.within(f"{field_name}[{i}]") from error
    return built


def part_class(message):
    """The class that `build` would call for a message; None of an empty slot."""
    _import_families()
    while is_slot(message.DESCRIPTOR):
        member = message.WhichOneof(message.DESCRIPTOR.oneofs[0].name)
        if member is None:
            return None
        message = getattr(message, member)
    return _PARTS.get(message.DESCRIPTOR.full_name)


def is_slot(descriptor):
    """Whether a message type is nothing but a choice between members of one oneof."""
    return len(descriptor.oneofs) == 1 and all(
        f.containing_oneof is not None for f in descriptor.fields
    )


def _build_slot(message, required, context):
    oneof = message.DESCRIPTOR.oneofs[0]
    member = message.WhichOneof(oneof.name)
    if member is None:
        names = ", ".join(f.name for f in oneof.fields)
        raise ConfigError(f"is empty: set one of {names}")
    return build_field(message, member, required=required, **context)


def _check_required(part, descriptor, required):
    make = getattr(part, "from_proto", part.__init__)
    lacking = [n for n in required if n not in inspect.signature(make).parameters]
    if lacking:
        raise ConfigError(
            f"{descriptor.name} makes no use of {', '.join(lacking)}, which this model "
            "has: choose another part here, or leave it out"
        )


def _value(message, field, value, context):
    if is_map(field):
        return dict(value)
    if field.message_type is not None:
        if not is_repeated(field):
            return build_field(message, field.name, **context)
        return build_each(message, field.name, **context)
    if field.enum_type is not None:
        names = field.enum_type.values_by_number
        if is_repeated(field):
            return [names[v].name for v in value]
        return names[value].name
    return list(value) if is_repeated(field) else value


def _context_for(part, context):
    wanted = inspect.signature(part.__init__).parameters
    return {name: value for name, value in context.items() if name in wanted}


def _call(make, message):
    try:
        return make()
    except RangeError as error:
        if error.field.split(".")[0] not in message.DESCRIPTOR.fields_by_name:
            raise ConfigError(str(error)) from error
        problem = str(error).removeprefix(f"{error.field} ")
        raise ConfigError(problem, error.field) from error
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _log_ignored(message):
    for field, reason in _IGNORED[message.DESCRIPTOR.full_name].items():
        descriptor = message.DESCRIPTOR.fields_by_name[field]
        if is_repeated(descriptor) or not message.HasField(field):
            continue
        warn_once(f"{message.DESCRIPTOR.name}.{field} has no effect: {reason}")


def _import_families():
    global _families_imported
    if _families_imported:
        return
    for family in FAMILIES:
        package = importlib.import_module(f"od_api.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"od_api.{family}.{module.name}")
    _families_imported = True
