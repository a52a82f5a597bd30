"""Reading small files of the user's: text of any common encoding, and bytes.

Every text file that a user may have written (configs, label maps, lists of names,
annotations) is read by `read_text`, so that all of them take the same encodings and
fail with the same words.
"""

import codecs
import difflib
import os
import pathlib
import stat

from od_api.core.errors import UserError
from od_api.core.printable import printable

# Longer marks first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_text(path, what="file"):
    """The text of a file, with line ends as `\\n`.

    UTF-8 with or without a byte order mark, and UTF-16 and UTF-32 with one.

    Args:
      path: of a regular file.
      what: its name in errors, e.g. "label map".

    Raises:
      UserError: as `read_bytes`, or the file is in another encoding.
    """
    return decode_text(read_bytes(path, what), path)


def decode_text(raw, path):
    """`read_text` of bytes that are there already; `path` names them in errors."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _decoded(raw[len(mark) :], encoding, path)
    return _decoded(raw, "utf-8", path)


def read_bytes(path, what="file"):
    """The bytes of a regular file.

    Raises:
      UserError: it is not there (with the nearest names that are), cannot be read, or
        is a folder, a named pipe or a device, which might never end.
    """
    try:
        require_regular(path, what)
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise UserError(unreadable(path, error, what)) from error


def require_regular(path, what="file"):
    """Refuses a path that is no regular file, before it is opened.

    Raises:
      UserError: it is a folder, a named pipe, a socket or a device, or no path at all.
      OSError: it is not there, or may not be looked at.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:  # a NUL, or a character that no path can have
        raise UserError(
            f"cannot read the {what} {printable(path)}: no path has such a character"
        ) from error
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise UserError(
                f"cannot read the {what} {printable(path)}: it is {name}, not a file"
            )


def unreadable(path, error, what="file"):
    """What to say about an OSError: the reason, and names that are nearly right."""
    path = pathlib.Path(path)
    hint = ""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        hint = _near(path)
    return f"cannot read the {what} {printable(path)}: {error.strerror or error}{hint}"


def _near(path):
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {printable(folder)} does not exist"
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    close = difflib.get_close_matches(path.name, names, n=3)
    return f"; {printable(folder)} has {printable(', '.join(close))}" if close else ""


def _decoded(raw, encoding, path):
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, errors="replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        # What stands there tells its author more than a number does.
        near = before[-20:].rsplit("\n", 1)[-1] + "\N{REPLACEMENT CHARACTER}"
        kind = encoding.upper().removesuffix("-LE").removesuffix("-BE")
        raise UserError(
            f"{printable(path)}:{line}:{column}: is not {kind} text: byte "
            f"0x{raw[error.start]:02x} at {printable(near)!r}. Save the file as UTF-8 "
            "(`iconv -f WINDOWS-1252 -t UTF-8` converts one)"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
