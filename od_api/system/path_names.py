"""The one rule for names out of files that become paths.

Configs, annotations and grids come from strangers: a name in one must not make this
program read or write outside of the folder that the user named.
"""

import pathlib
import re

from od_api.core.errors import UserError
from od_api.core.printable import printable

# What file systems take for one name.
_MAX_BYTES = 255
_SEPARATORS = re.compile(r"[/\\]")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")


def inside(folder, name, what="file name"):
    """The path of `name` in `folder`.

    Links within the folder are followed wherever they lead: they are the user's own.

    Args:
      folder: the user's.
      name: relative, of one or several parts.
      what: what the name is, for errors: "file_name of image 7".

    Raises:
      UserError: it is absolute, has `..`, a drive letter or a control character, or is
        empty: it would lead out of the folder, or nowhere.
    """
    name = str(name)
    parts = _SEPARATORS.split(name)
    if _CONTROLS.search(name):
        raise UserError(
            f"{what} {printable(name)!r} has a control character: name a file that is "
            "there"
        )
    if not parts[0] or re.match(r"^[A-Za-z]:", name) or ".." in parts:
        raise UserError(
            f"{what} {printable(name)!r} leads out of the folder {printable(folder)}: "
            "give it as a path below that folder, without `..`, a leading slash or a "
            "drive letter"
        )
    return pathlib.Path(folder) / name


def one_name(name, what="name"):
    """`name`, fit to be the name of one file or folder.

    Args:
      name: e.g. of a model, an extractor or a reader.
      what: what it names, for errors.

    Raises:
      UserError: it is none: it has a separator or a control character, begins with a
        dot, or is empty or longer than 255 bytes.
    """
    name = str(name)
    if not name or name.startswith(".") or _SEPARATORS.search(name):
        fault = "is empty, begins with a dot or has a slash"
    elif _CONTROLS.search(name):
        fault = "has a control character"
    elif len(name.encode("utf-8", "replace")) > _MAX_BYTES:
        fault = f"has more than {_MAX_BYTES} bytes"
    else:
        return name
    shown = printable(name if len(name) < 80 else name[:80] + "...")
    raise UserError(
        f"the {what} {shown!r} becomes the name of a file or folder, but it {fault}: "
        "choose another"
    )
