"""Checkpoint files on disk: written whole, recognised when damaged, found by name.

A checkpoint is TensorFlow's pair of `<prefix>.index` and `<prefix>.data-...`, and its
tensors are keyed by the names of variables: `model/backbone/conv1/kernel`, not by paths
of Python attributes, so that refactoring code breaks no checkpoint.
"""

import contextlib
import functools
import os
import re

import numpy as np
import tensorflow as tf

from od_api.checkpoints.finite_weights import not_finite
from od_api.core.errors import UserError
from od_api.core.printable import printable

_NUMBERED = re.compile(r"^(ckpt-(\d+))\.index$")
_SUFFIX = re.compile(r"\.(index|data-\d{5}-of-\d{5})$")
_KEY = re.compile(r"^([a-z]+)/([^/]+)/\.ATTRIBUTES/VARIABLE_VALUE$")
STEP_KEY = "step/.ATTRIBUTES/VARIABLE_VALUE"
_OLD_TF2 = ("_feature_extractor", "feature_extractor/", "layer_with_weights-")


def numbered(directory):
    """{step: prefix} of the `ckpt-N` in a directory, oldest first, whole or not."""
    directory = os.fspath(directory)
    if not tf.io.gfile.isdir(directory):
        return {}
    found = {}
    for file in tf.io.gfile.listdir(directory):
        match = _NUMBERED.match(file)
        if match:
            found[int(match[2])] = os.path.join(directory, match[1])
    return dict(sorted(found.items()))


def refuse_wildcards(directory):
    """Raise a UserError for a path that TensorFlow writes to but cannot read from.

    An empty one, too: it would mean the folder that one happens to be in.
    """
    if not directory or "\0" in directory:
        raise UserError(
            f"'{printable(directory)}' is no folder for checkpoints: name one (. is "
            "the one you are in)"
        )
    if re.search(r"[*?\[\\]", directory):
        raise UserError(
            f"TensorFlow cannot read checkpoints from {directory}: choose a path "
            "without any of * ? [ \\"
        )


def files_of(prefix):
    """The files of a checkpoint that exist, the index last."""
    directory, name = os.path.split(prefix)
    if not tf.io.gfile.isdir(directory or "."):
        return []
    files = tf.io.gfile.listdir(directory or ".")
    data = sorted(f for f in files if f.startswith(f"{name}.data-"))
    index = [f"{name}.index"] if f"{name}.index" in files else []
    return [os.path.join(directory, f) for f in data + index]


def is_whole(prefix):
    """Whether every tensor of a checkpoint can be read and has the right checksum."""
    try:
        return _reads(prefix, signature(prefix))
    except (OSError, tf.errors.OpError):  # A file went away meanwhile.
        return False


def signature(prefix):
    """What changes when the files of a checkpoint do."""
    return tuple(map(_signature, files_of(prefix)))


def _signature(file):
    if os.path.exists(file):
        stat = os.stat(file)  # gfile's times are whole seconds
        return file, stat.st_ino, stat.st_size, stat.st_mtime_ns
    stat = tf.io.gfile.stat(file)
    return file, stat.length, stat.mtime_nsec


@functools.lru_cache(maxsize=64)
def _reads(prefix, signatures):
    # The signatures make the cache forget a file that was written again.
    try:
        reader = tf.train.load_checkpoint(prefix)
        for key in reader.get_variable_to_shape_map():
            reader.get_tensor(key)
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError):
        # The reader has no one type for "cut short" and "bad checksum".
        return False
    return len(signatures) > 1


def write_whole(groups, step, prefix):
    """Write the files of a checkpoint so that they appear whole or not at all.

    The files are made in a folder beside and renamed into place, the index last:
    without an index there is no checkpoint. What a killed save left behind goes first.
    This process writes all of it, wherever the variables are: parameter servers need
    not see the folder.

    Args:
      groups: {group: {variable name: tf.Variable, tensor or array}}.
      step: int64 scalar, variable or array.
      prefix: the path of the files without their suffixes.
    """
    tensors = {STEP_KEY: step}
    for group, variables in groups.items():
        tensors |= {key_of(group, name): v for name, v in variables.items()}
    with _staging(prefix) as staged, tf.device("CPU:0"):
        tf.raw_ops.SaveV2(
            prefix=staged,
            tensor_names=list(tensors),
            shape_and_slices=[""] * len(tensors),
            tensors=[tf.convert_to_tensor(value) for value in tensors.values()],
        )
        _move(staged, prefix)


def copy_whole(prefix, target):
    """Copy a checkpoint, with the promise of `write_whole`."""
    with _staging(target) as staged:
        for file in files_of(prefix):
            tf.io.gfile.copy(file, staged + file[len(prefix) :], overwrite=True)
        _move(staged, target)


@contextlib.contextmanager
def _staging(prefix):
    directory, name = os.path.split(prefix)
    tf.io.gfile.makedirs(directory)
    sweep(directory)
    staging = os.path.join(directory, f".{name}.saving")
    tf.io.gfile.makedirs(staging)
    try:
        yield os.path.join(staging, name)
    finally:
        tf.io.gfile.rmtree(staging)


def _move(staged, prefix):
    # An old checkpoint of this name must not be seen with half of the new one's files.
    remove(prefix)
    for file in files_of(staged):
        tf.io.gfile.rename(file, prefix + file[len(staged) :], overwrite=True)


def sweep(directory):
    """Remove what killed saves left: unfinished files, and data without an index.

    Whoever calls it is the only one that writes to this directory.
    """
    if not tf.io.gfile.isdir(directory):
        return
    files = [file.rstrip("/") for file in tf.io.gfile.listdir(directory)]
    for file in files:
        path = os.path.join(directory, file)
        if re.match(r"^\.ckpt-\d+\.saving$", file):
            tf.io.gfile.rmtree(path)
        elif file in ("checkpoint.saving", "best.json.saving"):
            tf.io.gfile.remove(path)
        elif re.match(r"^ckpt-\d+\.data-", file):
            index = _SUFFIX.sub("", file) + ".index"
            if index not in files:
                tf.io.gfile.remove(path)


def remove(prefix):
    """Remove a checkpoint; the index goes first, so that no half is left to be seen."""
    for file in reversed(files_of(prefix)):
        tf.io.gfile.remove(file)


def write_text(path, text):
    """Replace a small file in one go."""
    temporary = f"{path}.saving"
    with tf.io.gfile.GFile(temporary, "w") as file:
        file.write(text)
    tf.io.gfile.rename(temporary, path, overwrite=True)


@contextlib.contextmanager
def disk_errors(prefix):
    """Turn what a full disk or a forbidden folder raises into a UserError."""
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise UserError(
            f"cannot save checkpoint {prefix}: {reason.splitlines()[0]}. Free disk "
            "space (or mend the permissions), then start the same command again: it "
            "resumes from the newest whole checkpoint"
        ) from error


def key_of(group, name):
    """Where a variable is stored: the key of `tf.train.Checkpoint(group={name: v})`."""
    escaped = name.replace(".", "..").replace("/", ".S")
    return f"{group}/{escaped}/.ATTRIBUTES/VARIABLE_VALUE"


def read(prefix):
    """All tensors of one of our checkpoints, in host memory.

    Returns:
      ({group: {variable name: array}}, step).

    Raises:
      UserError: damaged, made by another program, or not finite.
    """
    if not is_whole(prefix):
        raise UserError(_damaged(prefix))
    groups = {}
    try:
        reader = tf.train.load_checkpoint(prefix)
        keys = reader.get_variable_to_shape_map()
        refuse_foreign(prefix, keys)
        for key in keys:
            match = _KEY.match(key)
            if match:
                name = re.sub(r"\.(\.|S)", lambda m: "./"[m[1] == "S"], match[2])
                tensor = np.asarray(reader.get_tensor(key))
                groups.setdefault(match[1], {})[name] = tensor
        step = np.asarray(reader.get_tensor(STEP_KEY))
    except (tf.errors.OpError, RuntimeError) as error:
        raise UserError(_damaged(prefix)) from error
    if step.shape or step.dtype.kind not in "iu" or step < 0:
        raise UserError(
            f"{prefix} was not written by od_api: its step is {printable(step)}, and "
            "not a number of steps"
        )
    bad = not_finite(groups)
    if bad:
        raise UserError(
            f"{prefix} holds {len(bad)} tensors that are not finite "
            f"({printable(', '.join(bad[:3]))}): its training had diverged. Use an "
            "older checkpoint; to resume from it, remove the files of this one"
        )
    return groups, int(step)


def _damaged(prefix):
    folder = os.path.dirname(prefix) or "."
    return (
        f"{prefix} is damaged (files are missing or cut short): use another "
        f"checkpoint of {folder}"
    )


def is_ours(keys):
    """Whether tensors of these keys were written by od_api."""
    groups = (_KEY.match(key) for key in keys)
    return STEP_KEY in keys and any(m and m[1] == "model" for m in groups)


def refuse_foreign(prefix, keys):
    """Raise a UserError that says whose checkpoint this is, unless it is ours."""
    if is_ours(keys):
        return
    if any(part in key for key in keys for part in _OLD_TF2):
        maker = "the old Object Detection API on TensorFlow 2"
    elif not any(".ATTRIBUTES" in key for key in keys):
        maker = "TensorFlow 1 (the old Object Detection API or slim)"
    else:
        maker = "another program"
    first = ", ".join(sorted(k for k in keys if not k.startswith("_"))[:2])
    raise UserError(
        f"{prefix} was written by {maker}: its tensors have other names ({first}). "
        "`od-api import-checkpoint` turns those of the old API, of slim and of Keras "
        "(.h5) into a checkpoint of od_api; fine_tune_checkpoint takes them as they are"
    )
