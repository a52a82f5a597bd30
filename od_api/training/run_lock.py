"""One training in a model_dir: a lock that ends with its process."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import socket
import time

from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable

_NAME = ".training.lock"
# What file systems without such locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


@contextlib.contextmanager
def run_lock(model_dir):
    """Holds a model_dir, so that no second training writes to it meanwhile.

    The lock is the operating system's and ends with this process, whatever ends it:
    a run that was killed can be resumed at once. Processes that this one forks do not
    hold it. Evaluation and export need no lock.

    Args:
      model_dir: made if it is not there.

    Raises:
      UserError: another process trains there; the message says which.
    """
    path = pathlib.Path(model_dir) / _NAME
    if "://" in os.fspath(model_dir):
        _warn_unlocked(path, "it is no local path")
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    _HELD.add(descriptor)
    try:
        _take(descriptor, path)
        yield
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def _take(descriptor, path):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(
            f"{printable(path.parent)} is in use: {_owner(descriptor)} trains there. "
            "Wait for it, end it, or choose another model_dir"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _warn_unlocked(path, error.strerror)
        return
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.ctime()}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def _owner(descriptor):
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        said = f"process {owner['pid']} on {owner['host']}, since {owner['since']},"
    except (ValueError, TypeError, KeyError):
        return "another process"
    return printable(said)


def _warn_unlocked(path, reason):
    logging.warning(
        "cannot lock %s (%s): make sure that no other training writes to it",
        printable(path.parent),
        reason,
    )


def _let_go_in_child():
    """A forked child shares the lock, and would keep it beyond its parent's death."""
    for descriptor in _HELD:
        os.close(descriptor)
    _HELD.clear()


_HELD = set()
os.register_at_fork(after_in_child=_let_go_in_child)
