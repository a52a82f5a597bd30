"""Finding the files of a data set as people name them.

Names written on one system and files that were copied to another differ in Unicode's
form of accents (macOS), in capital letters and in slashes (Windows). Hidden files and
folders are what systems and notebooks leave behind, and no data.
"""

import os
import re
import unicodedata
from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.pictures.decoding import SUFFIXES

# Kept by systems beside the data: resource files of macOS, thumbnails of a NAS.
_SYSTEM_FOLDERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN"}


def visible_files(folder, suffixes=None):
    """The files below `folder` that have one of the suffixes, whatever its case.

    Args:
      folder: searched with its sub-folders; hidden ones are no part of it.
      suffixes: in small letters, with the dot; None for all files.

    Returns:
      Sorted list of paths relative to `folder`.

    Raises:
      UserError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{printable(folder)} {kind}")
    found, seen = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        # A link to a folder above would never end.
        folders[:] = sorted(f for f in folders if is_visible(f) and real not in seen)
        if real not in seen:
            found += [Path(place, name) for name in names if is_visible(name)]
        seen.add(real)
    chosen = [
        p.relative_to(folder)
        for p in found
        if suffixes is None or p.suffix.lower() in suffixes
    ]
    return sorted(p for p in chosen if not (folder / p).is_dir())


def is_visible(name):
    """Whether a file or folder of this name can be data."""
    return not name.startswith(".") and name not in _SYSTEM_FOLDERS


def last_part(text):
    """The file's name of a path of any system: `C:\\photos\\a.jpg` gives `a.jpg`."""
    return re.split(r"[/\\]", text.strip())[-1]


class Folder:
    """Finds files below a folder by name, and by nearly the same name.

    Args:
      root: path of the folder.
    """

    def __init__(self, root):
        self.root = Path(root)
        self._indices = {}

    def find(self, relative):
        """The path of a file, or None.

        Where no file has exactly this name, one that differs in Unicode's form or in
        capital letters is taken, if there is just one.
        """
        try:
            return self._find(relative)
        except OSError:  # no file can have such a name
            return None

    def _find(self, relative):
        path = self.root
        parts = [p for p in re.split(r"[/\\]", str(relative)) if p not in ("", ".")]
        for part in parts:
            if not (path / part).exists():
                names = self._names(path, part, form) or self._names(path, part, fold)
                if len(names) != 1:
                    return None
                part = names[0]
            path = path / part
        return path if parts and path.exists() and not path.is_dir() else None

    def images_like(self, relative):
        """Sorted paths of the images whose name is `relative` and an ending."""
        relative = Path(relative)
        folder, stem = self.root / relative.parent, relative.name
        names = self._names(folder, stem, form, of_stems=True)
        names = names or self._names(folder, stem, fold, of_stems=True)
        chosen = [n for n in names if Path(n).suffix.lower() in SUFFIXES]
        return sorted(folder / name for name in chosen)

    def _names(self, folder, name, key, of_stems=False):
        """The names (or those with the stem) in a folder that `key` takes for equal."""
        index = (folder, key, of_stems)
        if index not in self._indices:
            self._indices[index] = names = {}
            for entry in os.listdir(folder) if folder.is_dir() else ():
                stem = os.path.splitext(entry)[0] if of_stems else entry
                names.setdefault(key(stem), []).append(entry)
        return self._indices[index].get(key(name), [])


def form(name):
    """A name in one form of Unicode, so that equal names are equal texts."""
    return unicodedata.normalize("NFC", name)


def fold(name):
    """A name without the difference of capital and small letters."""
    return form(form(name).casefold())
