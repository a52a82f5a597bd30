"""Lists of a split in Pascal VOC's layout: which XML files belong to it."""

import collections
import difflib
import re
from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.file_names import fold, form, last_part
from od_api.pictures.decoding import SUFFIXES
from od_api.system.files import read_text

# A list of one class says of each image whether it shows the class.
_LABEL = re.compile(r"\s+[+-]?[01]$")


def listed_files(split_file, annotations_dir, every):
    """The XML files that a list names, in its order, each once.

    A line is a name with or without folder, ending and quotes; the name may have
    spaces, and a last column 1, 0 or -1 is ignored.

    Args:
      split_file: path of the list.
      annotations_dir: folder of the XML files.
      every: their paths there.

    Raises:
      UserError: `file:line` of a name without an XML file, or an empty list.
    """
    files = _by_name(every)
    paths = {}
    for number, line in enumerate(read_text(split_file, "split list").split("\n"), 1):
        if not line.strip():
            continue
        found = [p for name in _names(line) if (p := _lookup(files, name))]
        if not found:
            raise _missing(
                f"{printable(split_file)}:{number}", line, annotations_dir, every
            )
        paths[found[0]] = None
    if not paths:
        raise UserError(f"{printable(split_file)}: lists no images")
    return list(paths)


def _by_name(every):
    """{name: path}, with folder and, where that is told apart, without."""
    count = collections.Counter(path.stem for path in every)
    files = {}
    for key in (fold, form):  # exact names win over those in other capitals
        for path in every:
            if count[path.stem] == 1:
                files[key(path.stem)] = path
            files[key(path.with_suffix("").as_posix())] = path
    return files


def _names(line):
    """What the line's name may be, the likeliest first."""
    line = line.strip()
    for text in dict.fromkeys((line, _LABEL.sub("", line), line.split()[0])):
        text = text.strip().strip("\"'")
        for name in dict.fromkeys((text.replace("\\", "/"), last_part(text))):
            yield name
            if Path(name).suffix.lower() in SUFFIXES | {".xml"}:
                yield str(Path(name).with_suffix(""))


def _lookup(files, name):
    return files.get(form(name)) or files.get(fold(name))


def _missing(place, line, annotations_dir, every):
    name = _LABEL.sub("", line.strip())
    near = difflib.get_close_matches(name, [path.stem for path in every], 3)
    hint = f"; there are {', '.join(near)}" if near else ""
    path = annotations_dir / f"{name}.xml"
    return UserError(f"{place}: {printable(path)} does not exist{printable(hint)}")
