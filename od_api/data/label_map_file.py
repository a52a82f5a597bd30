"""A label map's file: text or binary, and what to say of files that are neither."""

import re

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from od_api.config.loading import parse_message
from od_api.core.errors import ConfigError
from od_api.core.printable import printable
from od_api.protos import string_int_label_map_pb2
from od_api.system.files import decode_text, read_bytes

# A binary label map has the tag of an id (16) in every item; text never has it.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a]")
# Encodings whose text has such bytes, too, begin with one of these marks.
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_FORM = "a label map is text of the form: item { id: 1 name: 'cat' }"
_TWICE = re.compile(r'(\w+)" should not have multiple "(\w+)" fields')
_CONFIG = re.compile(r"^\s*(model|train_config|train_input_reader)\s*:?\s*\{", re.M)


def read_label_map(path):
    """(StringIntLabelMap, its text; empty for a binary one).

    Raises:
      UserError: a file that cannot be read, or is no UTF-8.
      ConfigError: one that is no label map, or an item with two ids or names; with
        `file:line:column` where there is one.
    """
    raw = read_bytes(path, "label map")
    message = string_int_label_map_pb2.StringIntLabelMap()
    if _BINARY.search(raw) and not raw.startswith(_WIDE):
        _parse_binary(raw, message, path)
        return message, ""
    text = decode_text(raw, path)
    try:
        parse_message(text, message, str(path))
    except ConfigError as error:
        form = _form_of(text)
        if not form:
            raise
        problem = f"{form}: {_FORM}"
        raise ConfigError(problem, location=error.location or str(path)) from error
    _refuse_repeated(text, path)
    return message, text


def _parse_binary(raw, message, path):
    problem = f"{printable(path)} is neither text nor a binary StringIntLabelMap"
    try:
        message.ParseFromString(raw)
    except DecodeError as error:
        raise ConfigError(f"{problem}: {_FORM}") from error
    if not message.item:
        raise ConfigError(f"{problem}: {_FORM}")


def _refuse_repeated(text, path):
    """Text format lets the last of two values win; here that loses a class."""
    try:
        text_format.Parse(text, string_int_label_map_pb2.StringIntLabelMap())
    except text_format.ParseError as error:
        match = _TWICE.search(str(error))
        if not match:
            return
        owner = "a keypoint" if match[1] == "KeypointMap" else "an item"
        raise ConfigError(
            f"{owner} takes one {match[2]}, and this is another: begin a new item "
            "{ } for every class",
            location=f"{path}:{error.GetLine()}:{error.GetColumn()}",
        ) from error


def _form_of(text):
    """What a text is that is no label map; empty if nothing is known."""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return "this is JSON"
    if start == "<":
        return "this is XML or HTML"
    if _CONFIG.search(text):
        return "this is a pipeline.config, not a label map"
    if re.match(r"\s*(path|train|val|names|nc)\s*:", text):
        return "this is a data set's YAML"
    if "{" not in text and "item" not in text:
        return "this is a list of names, one a line" if text.strip() else ""
    return ""
