"""What the bytes of a config file are: text, a binary message, or something else."""

import re

from google.protobuf import message as protobuf_message

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.system.files import decode_text

_KINDS = (
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF|BM"), "a picture"),
    (re.compile(rb"PK\x03\x04"), "a zip file (or a .keras model)"),
    (re.compile(rb"\x1f\x8b"), "a gzip file"),
    (re.compile(rb"\x89HDF"), "an HDF5 file of weights"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb".{3}\0{5}", re.DOTALL), "a TFRecord file"),
    (re.compile(rb".*\x57\xfb\x80\x8b\x24\x75\x47\xdb$", re.DOTALL), "a checkpoint"),
)
# What no text has: control characters other than tabs, line and page breaks.
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1f\x7f]")


def parse_bytes(raw, message, path):
    """Parses a binary message, or returns the text that is still to be parsed.

    Args:
      raw: the bytes of the file.
      message: receives the fields if the file is binary.
      path: names the file in errors.

    Returns:
      The text, or None where `message` holds what was read.

    Raises:
      ConfigError: a binary file of another kind.
      UserError: text in an encoding that is not known, with the place.
    """
    try:
        text = decode_text(raw, path)
    except UserError:
        if _reads(raw, message):
            return None
        if not _CONTROL.search(raw):
            raise
        raise _another_kind(raw, message, path) from None
    if "\0" in text or _CONTROL.search(raw):
        if _reads(raw, message):
            return None
        _check_characters(text, raw, message, path)
    return text


def _reads(raw, message):
    """Whether the bytes are this message and nothing else."""
    try:
        message.ParseFromString(raw)
    except protobuf_message.DecodeError:
        message.Clear()
        return False
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if known.ByteSize() == message.ByteSize():
        return True
    message.Clear()
    return False


def _check_characters(text, raw, message, path):
    """Refuses text with a NUL: it ends the text for many programs."""
    if "\0" not in text:
        return
    if _CONTROL.search(raw):
        raise _another_kind(raw, message, path)
    before = text[: text.index("\0")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    raise ConfigError(
        "a NUL character stands here, as no text has one: remove it, or save the file "
        "as UTF-8 if it is UTF-16 without a byte order mark",
        location=f"{path}:{line}:{column}",
    )


def _another_kind(raw, message, path):
    name = message.DESCRIPTOR.name
    for pattern, kind in _KINDS:
        if pattern.match(raw):
            return ConfigError(f"{printable(path)} is {kind}, and no {name}")
    return ConfigError(f"{printable(path)} is neither text nor a binary {name}")
