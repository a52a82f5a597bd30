"""From what a user writes to a checkpoint: a prefix, one of its files, or a folder."""

import contextlib
import difflib
import os
import re
from typing import NamedTuple

import tensorflow as tf

from od_api.checkpoints import checkpoint_files as files
from od_api.core.errors import UserError
from od_api.core.printable import printable

_SUFFIX = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
# Training replaces `best/`, and drops old checkpoints, while others read them.
_TRIES = 5


class Loaded(NamedTuple):
    """A checkpoint in memory.

    Attributes:
      prefix: its path.
      groups: {group: {variable name: array}}.
      step: the steps done.
    """

    prefix: str
    groups: dict
    step: int


def load(path):
    """Loaded: what a path means, read; a `Loaded` is returned as it is.

    Where training puts another checkpoint in its place meanwhile, that one is read.

    Raises:
      UserError: there is none, or it is damaged, of another program, or not finite.
    """
    if isinstance(path, Loaded):
        return path
    for _ in range(_TRIES):
        prefix = resolve(path)
        before = _signature(prefix)
        try:
            return Loaded(prefix, *files.read(prefix))
        except UserError:
            if before and before == _signature(prefix):
                raise
    return Loaded(prefix, *files.read(prefix))


def resolve(path):
    """The prefix that a user's path means.

    Raises:
      UserError: there is none; the message names the nearest one.
    """
    path = os.fspath(path)
    if "\0" in path or not path:
        raise UserError(f"no checkpoint can have the path {printable(path)!r}")
    try:
        return _resolved(path)
    except (tf.errors.OpError, UnicodeError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"cannot look for a checkpoint at {printable(path)}: {printable(reason)}"
        ) from error


def _resolved(path):
    stem = _SUFFIX.sub("", path)
    shown = printable(path)
    if tf.io.gfile.exists(f"{stem}.index"):
        return stem
    numbered = files.numbered(path)
    for prefix in reversed(numbered.values()):
        if files.is_whole(prefix):
            return prefix
    if numbered:
        names = printable(", ".join(map(os.path.basename, numbered.values())))
        raise UserError(
            f"every checkpoint of {shown} is damaged ({names}): its files are missing "
            "or cut short"
        )
    if files.files_of(stem):
        raise UserError(
            f"{printable(stem)} is half a checkpoint: there is no "
            f"{printable(os.path.basename(stem))}.index beside its data. Copy all of "
            "its files, or name another"
        )
    if tf.io.gfile.isdir(path):
        raise UserError(
            f"the folder {shown} holds no checkpoint (ckpt-N.index). {_nearest(path)}"
        )
    if tf.io.gfile.exists(path):
        raise UserError(f"{shown} is a file, but no checkpoint that od_api can read")
    raise UserError(f"{shown}: there is no checkpoint. {_nearest(path)}")


def _signature(prefix):
    with contextlib.suppress(OSError, tf.errors.OpError):
        return files.signature(prefix)
    return None


def _nearest(path):
    folder = path.rstrip("/") or "/"
    while folder not in ("", "/") and not tf.io.gfile.isdir(folder):
        folder = os.path.dirname(folder)
    is_itself, folder = folder == path.rstrip("/"), folder or "."
    entries = tf.io.gfile.listdir(folder)[:200]
    found = []
    for place in [folder, *(os.path.join(folder, e.rstrip("/")) for e in entries)]:
        with contextlib.suppress(tf.errors.OpError):  # no folder, or a forbidden one
            found += [
                os.path.join(place, f[:-6])
                for f in tf.io.gfile.listdir(place)
                if f.endswith(".index")
            ]
    if found:
        near = difflib.get_close_matches(path, found, n=1, cutoff=0)[0]
        return f"The nearest one is {printable(near)}"
    if is_itself:
        return "Name the model_dir of a training run, or a ckpt-N in it"
    return f"The folder {printable(folder)} holds none either: mend the path"
