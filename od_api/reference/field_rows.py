"""What every field of a pipeline.config means, and what becomes of it."""

import inspect
import re
from typing import NamedTuple

from od_api.config.compatibility import (
    FIRST_NEW_NUMBER,
    IGNORED_FIELDS,
    NOW_EFFECTIVE,
    REFUSED_FIELDS,
)
from od_api.config.refused_by_parts import REFUSED_BY_PARTS
from od_api.core.message_fields import is_map, is_repeated
from od_api.core.registry import ignored_fields, is_slot, registered
from od_api.protos import pipeline_pb2
from od_api.reference.schema_comments import schema_comments

PACKAGE = "od_api.protos."
USED, REFUSED, WITHOUT_EFFECT = "used", "refused", "no effect"
_MISSING = "part of the schema without an implementation here"
_NOW_EFFECTIVE = "the old API's TensorFlow 2 trainer ignored it"
_SCALARS = {
    "BOOL": "bool",
    "STRING": "string",
    "FLOAT": "float",
    "DOUBLE": "double",
    "INT32": "int32",
    "INT64": "int64",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "BYTES": "bytes",
}


class FieldRow(NamedTuple):
    """One field.

    Attributes:
      name: of the field.
      type: of its values; a message's or an enum's name.
      message: descriptor of the message that it holds, or None.
      default: as text; "" without one.
      meaning: one line; "" where name and type say all.
      status: USED, REFUSED or WITHOUT_EFFECT.
      why: of the two latter.
      since: "old" of the old API, "new" of a field beyond its schema.
      note: how the old API differed; "" where it did not.
    """

    name: str
    type: str
    message: object
    default: str
    meaning: str
    status: str
    why: str
    since: str
    note: str


def messages():
    """Descriptors of all messages that a config may hold, from the root down.

    What stands in refused fields, or in those without effect, alone is left out.
    """
    found = [pipeline_pb2.TrainEvalPipelineConfig.DESCRIPTOR]
    for descriptor in found:
        inner = [row.message for row in rows_of(descriptor) if row.status == USED]
        found += [d for d in dict.fromkeys(inner) if d is not None and d not in found]
    return found


def rows_of(descriptor):
    """The FieldRows of a message, in the order of the schema."""
    return [_row(descriptor, field) for field in descriptor.fields]


def meaning_of(descriptor):
    """One line about a message: the schema's comment, else the part's first line."""
    said = schema_comments().get(_name(descriptor))
    return said or _docstring(descriptor).split("\n")[0]


def _name(descriptor):
    return descriptor.full_name.removeprefix(PACKAGE)


def _row(descriptor, field):
    status, why = _status(descriptor, field)
    effective = field.name in NOW_EFFECTIVE.get(descriptor.name, ())
    return FieldRow(
        name=field.name,
        type=_type(field),
        message=_inner(field),
        default=_default(field),
        meaning=_meaning(descriptor, field),
        status=status,
        why=why,
        since="new" if field.number >= FIRST_NEW_NUMBER else "old",
        note=_NOW_EFFECTIVE if effective else "",
    )


def _status(descriptor, field):
    name = _name(descriptor)
    for table in (REFUSED_FIELDS, REFUSED_BY_PARTS):
        if why := table.get(name, {}).get(field.name):
            return REFUSED, why
    ignored = {**IGNORED_FIELDS.get(name, {}), **ignored_fields(descriptor.full_name)}
    if field.name in ignored:
        return WITHOUT_EFFECT, ignored[field.name]
    inner = _inner(field)
    lacks = inner and inner.full_name not in registered() and not is_slot(inner)
    if lacks and is_slot(descriptor):
        return REFUSED, _MISSING
    return USED, ""


def _inner(field):
    """The message in a field, or in its map's values."""
    message = field.message_type
    if message is not None and is_map(field):
        return message.fields_by_name["value"].message_type
    return message


def _type(field):
    if field.message_type is not None and is_map(field):
        pair = field.message_type.fields_by_name
        return f"map<{_type(pair['key'])}, {_type(pair['value'])}>"
    if field.message_type is not None:
        name = _name(field.message_type)
    elif field.enum_type is not None:
        name = " or ".join(v.name for v in field.enum_type.values)
    else:
        name = _scalar(field)
    return f"list of {name}" if is_repeated(field) else name


def _scalar(field):
    kinds = {getattr(field, f"TYPE_{kind}"): name for kind, name in _SCALARS.items()}
    return kinds[field.type]


def _default(field):
    if field.message_type is not None or is_repeated(field):
        return ""
    if field.enum_type is not None:
        return field.enum_type.values_by_number[field.default_value].name
    value = field.default_value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | bytes):
        return repr(value).replace("'", '"')
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _meaning(descriptor, field):
    """The schema's comment; else what the part's docstring says of the argument."""
    said = schema_comments().get(f"{_name(descriptor)}.{field.name}")
    said = said or _argument(_docstring(descriptor), field.name)
    inner = _inner(field)
    if not said and inner is not None:
        said = meaning_of(inner)
    return said


def _docstring(descriptor):
    part = registered().get(descriptor.full_name)
    return (inspect.getdoc(part) or "") if part else ""


def _argument(text, name):
    """What a docstring says of an argument or attribute, as one line; "" if nothing."""
    listed = re.compile(r"^ {2}((?:\w+, )*\w+): ((?:.|\n {4})*)", re.MULTILINE)
    for names, said in listed.findall(text):
        if name in names.split(", "):
            return " ".join(said.split())
    return ""
