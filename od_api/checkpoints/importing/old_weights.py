"""Weights that another program wrote, whatever kind of file they are in."""

import os
import re
import zipfile
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from od_api.checkpoints.importing import (
    flat_buffers,
    graph_constants,
    tensor_bundles,
)
from od_api.core.errors import UserError
from od_api.core.printable import printable

# What optimizers of TensorFlow 1 keep beside a variable, under its name.
_SLOTS = re.compile(
    r"(^|/)(Momentum|RMSProp(_\d)?|Adam(_\d)?|Adagrad|Ftrl(_\d)?)$"
    r"|^(global_step|beta\d_power|save_counter|learning_rate|step)$"
)
_AVERAGE = "/ExponentialMovingAverage"


class OldWeights(NamedTuple):
    """Tensors by the names that the old program gave them.

    Attributes:
      path: what they were read from.
      kind: of file, in words.
      slim: whether the names are TensorFlow 1's (`.../weights`) and not Keras'.
      arrays: {name: array}.
      averages: {name: moving average of the array}; empty where none was kept.
      optimizer: how many tensors of an optimizer there were.
    """

    path: str
    kind: str
    slim: bool
    arrays: dict
    averages: dict
    optimizer: int


def read_old_weights(path):
    """The OldWeights at a path, or None: what od_api itself wrote, or nothing at all.

    What it is shows in the files, not in their names.

    Args:
      path: a file, the prefix of a checkpoint, a folder of checkpoints, or a
        SavedModel.

    Raises:
      UserError: damaged files.
    """
    path = os.fspath(path)
    if "\0" in path or not path:
        return None
    for kind, applies, read in _READERS:
        found = applies(path)
        if found:
            return _sorted_out(path, kind, read(found))
    return None


def _sorted_out(path, kind, found):
    """OldWeights of {name: array}, or of such and {name: average}."""
    arrays, averages = found if isinstance(found, tuple) else (found, {})
    if not isinstance(found, tuple):
        ends = [name for name in arrays if name.endswith(_AVERAGE)]
        averages = {name.removesuffix(_AVERAGE): arrays[name] for name in ends}
    model = {
        name: np.asarray(value)
        for name, value in arrays.items()
        if not name.endswith(_AVERAGE) and not _SLOTS.search(name)
    }
    if not model:
        raise UserError(f"{printable(path)} holds no weights")
    slim = any(re.search(r"(^|/)(depthwise_)?weights$", name) for name in model)
    others = len(arrays) - len(model) - sum(n.endswith(_AVERAGE) for n in arrays)
    return OldWeights(path, kind, slim, model, averages, others)


def _is_archive(path):
    """The path, if it is an archive of NumPy's."""
    if not begins(path, b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return None
    return path if names and all(name.endswith(".npy") for name in names) else None


def _read_archive(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{printable(path)} is a damaged .npz file, or holds no numbers: {error}"
        ) from error


def begins(path, mark, at=0):
    """Whether a path is a regular file with these bytes at a place."""
    if "\0" in os.fspath(path) or not os.path.isfile(path):
        return False
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read(at + len(mark))[at:] == mark


def _is_flat_buffer(path):
    return path if begins(path, b"TFL3", at=4) else None


_READERS = (
    ("NumPy archive", _is_archive, _read_archive),
    ("TensorFlow Lite model", _is_flat_buffer, flat_buffers.read),
    ("checkpoint", tensor_bundles.find, tensor_bundles.read),
    ("SavedModel", graph_constants.find_saved_model, graph_constants.read_saved_model),
    ("frozen graph", graph_constants.find_graph, graph_constants.read_graph),
)
