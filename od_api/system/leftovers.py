"""Work in progress in hidden folders, which the next run removes if its owner died.

A file or folder that takes long to write is written inside `workspace(target)`, a
hidden folder beside it, and moved to its name when it is complete. A process that is
killed leaves the hidden folder behind. It holds a lock on it (`flock`, which ends with
the process, whatever ends it), so that the next run of the same target can tell what
nobody writes to any more.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from pathlib import Path

_TOKEN = r"[0-9a-f]{8}"


@contextlib.contextmanager
def workspace(target):
    """A new hidden folder beside `target`; it goes when the block ends.

    What dead processes left for the same target is removed first. To keep a result,
    move it out: a folder of the same file system takes no time to move.

    Args:
      target: path of the file or folder that is being made; need not exist.

    Yields:
      Path of the folder, `.<name>.unfinished-<8 hex digits>`, empty.

    Raises:
      OSError: it cannot be made.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with owned_folder(target.parent, f".{target.name}.unfinished-") as folder:
        yield folder


@contextlib.contextmanager
def owned_folder(parent, prefix):
    """As `workspace`, a folder `<prefix><8 hex digits>` in a folder that exists."""
    sweep(parent, prefix)
    folder, lock = _claim(Path(parent), prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent, prefix):
    """Removes the folders `<prefix><8 hex digits>` in `parent` whose owner is dead.

    Returns:
      The list of the paths that were removed.
    """
    pattern = re.compile(re.escape(prefix) + _TOKEN)
    try:
        names = [name for name in os.listdir(parent) if pattern.fullmatch(name)]
    except OSError:
        return []
    return [path for name in sorted(names) if _removed(path := Path(parent) / name)]


def _claim(parent, prefix):
    """(a new folder, file descriptor that holds its lock)."""
    while True:
        folder = parent / f"{prefix}{secrets.token_hex(4)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        lock = _open(folder)
        if lock is None:  # a sweep came between
            continue
        if _locked(lock) and folder.is_dir():
            return folder, lock
        os.close(lock)


def _locked(descriptor):
    """Whether the lock is ours, or the file system has none (`sweep` then does not)."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _removed(folder):
    """Whether the folder had no owner and is gone."""
    lock = _open(folder)
    if lock is None:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()
    finally:
        os.close(lock)


def _open(folder):
    """A file descriptor of a folder (no link); None if it is not there."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
