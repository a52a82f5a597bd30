"""Checkpoints of TensorFlow 1 and 2 that the old API or slim wrote."""

import os
import re

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import trackable_object_graph_pb2

from od_api.checkpoints import checkpoint_files
from od_api.core.errors import UserError
from od_api.core.printable import printable

_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
# The last bytes of a table, which the first version of checkpoints is.
_TABLE_END = bytes.fromhex("57fb808b247547db")
_NO_MODEL = re.compile(r"^(_?optimizer|step|save_counter|global_step)/")


def find(path):
    """The prefix of a checkpoint that od_api did not write, or None."""
    prefix = _prefix(path)
    if prefix is None:
        return None
    try:
        keys = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError):
        return None  # damaged: what reads our own says how
    return None if checkpoint_files.is_ours(keys) else prefix


def _prefix(path):
    stem = _SUFFIX.sub("", path)
    if tf.io.gfile.exists(f"{stem}.index"):
        return stem
    if tf.io.gfile.isdir(path):
        return _of_folder(path)
    if os.path.basename(path) == "checkpoint" and tf.io.gfile.exists(path):
        return _of_folder(os.path.dirname(path) or ".")
    if os.path.isfile(path) and _ends_as_table(path):
        return path
    return None


def _of_folder(path):
    """The checkpoint that its `checkpoint` file names, or its only one."""
    try:
        latest = tf.train.latest_checkpoint(path)
    except (tf.errors.OpError, ValueError):
        latest = None
    if latest:
        return latest
    files = [f for f in tf.io.gfile.listdir(path) if f.endswith(".index")]
    return os.path.join(path, files[0][: -len(".index")]) if len(files) == 1 else None


def _ends_as_table(path):
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(max(0, size - len(_TABLE_END)))
        return file.read() == _TABLE_END


def read(prefix):
    """{name: array}, or ({name: array}, {name: average}) of an object-based one.

    Raises:
      UserError: it is damaged.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        if _GRAPH_KEY in reader.get_variable_to_shape_map():
            return _by_objects(reader)
        return {key: _tensor(reader, key) for key in _names(reader)}
    except (tf.errors.OpError, ValueError, RuntimeError, LookupError) as error:
        raise UserError(
            f"{printable(prefix)} is damaged (files are missing or cut short): "
            f"{printable(str(error).splitlines()[0])}"
        ) from error


def _names(reader):
    return sorted(reader.get_variable_to_shape_map())


def _tensor(reader, key):
    return np.asarray(reader.get_tensor(key))


def _by_objects(reader):
    """The tensors by the names of their variables, which the graph of objects keeps.

    Keys are paths of Python attributes, and of several ways to a variable whichever
    was shortest; the names are the old networks' own.
    """
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor(_GRAPH_KEY))
    slots, averages_of = set(), {}
    for node in graph.nodes:
        for slot in node.slot_variables:
            slots.add(slot.slot_variable_node_id)
            if slot.slot_name == "average":
                averages_of[slot.slot_variable_node_id] = slot.original_variable_node_id
    arrays, averages = {}, {}
    for index, node in enumerate(graph.nodes):
        for attribute in node.attributes:
            key = attribute.checkpoint_key
            if not reader.has_tensor(key):
                continue
            if index in averages_of:
                original = graph.nodes[averages_of[index]].attributes[0]
                averages[_full_name(original)] = _tensor(reader, key)
            elif index not in slots and not _NO_MODEL.match(key):
                arrays[_full_name(attribute)] = _tensor(reader, key)
    return {n: v for n, v in arrays.items() if v.dtype.kind != "O"}, averages


def _full_name(attribute):
    return attribute.full_name.removesuffix(":0")
