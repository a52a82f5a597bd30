"""Folders of results, which appear whole or not at all."""

import contextlib
import os

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system.leftovers import workspace


def check_new_folder(path):
    """Refuses a folder that cannot be made, before minutes of work.

    Args:
      path: a pathlib.Path; it may be an empty folder.

    Raises:
      UserError: it is there already, or may not be written.
    """
    shown = printable(path)
    if os.path.lexists(path) and not _is_empty_folder(path):
        raise UserError(f"{shown} exists already: choose another, or remove it")
    there = next(p for p in path.absolute().parents if os.path.lexists(p))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        fault = "may not be written to" if there.is_dir() else "is a file"
        raise UserError(f"cannot write {shown}: {printable(there)} {fault}")


def _is_empty_folder(path):
    return path.is_dir() and not any(path.iterdir())


@contextlib.contextmanager
def appears_whole(path):
    """A directory to write into that is renamed to `path` at the end.

    What runs for it that were killed have left behind goes first.
    """
    with workspace(path) as folder:
        partial = folder / "new"
        partial.mkdir()
        yield partial
        partial.rename(path)
