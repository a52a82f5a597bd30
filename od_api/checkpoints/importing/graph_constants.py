"""Weights that are constants of a graph: frozen graphs, and SavedModels of them."""

import os
import re

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

from od_api.checkpoints.importing import tensor_bundles
from od_api.core.errors import UserError
from od_api.core.printable import printable

_WEIGHT = re.compile(
    r"/(weights|depthwise_weights|pointwise_weights|biases|beta|gamma|moving_mean"
    r"|moving_variance|kernel|depthwise_kernel|pointwise_kernel|bias)$"
)


def find_saved_model(path):
    """The folder of a SavedModel at a path: it, or the one inside; or None."""
    for folder in (path, os.path.join(path, "saved_model")):
        if tf.io.gfile.exists(os.path.join(folder, "saved_model.pb")):
            return folder
    return None


def read_saved_model(folder):
    """The weights of a SavedModel: its variables, or the constants of its graph.

    Raises:
      UserError: it is damaged, or one that od_api exported.
    """
    prefix = os.path.join(folder, "variables", "variables")
    if tf.io.gfile.exists(f"{prefix}.index"):
        found = tensor_bundles.read(prefix)
        arrays = found[0] if isinstance(found, tuple) else found
        if any(_WEIGHT.search(name) for name in arrays):
            return found
    model = _parsed(
        saved_model_pb2.SavedModel(), os.path.join(folder, "saved_model.pb")
    )
    weights = {}
    for meta_graph in model.meta_graphs if model else ():
        weights |= _constants(meta_graph.graph_def)
    return _some(weights, folder)


def find_graph(path):
    """The path, if it is a serialised GraphDef; or None."""
    if not os.path.isfile(path) or path.endswith((".h5", ".keras")):
        return None
    graph = _parsed(graph_pb2.GraphDef(), path)
    return path if graph is not None and graph.node else None


def read_graph(path):
    """The weights among a frozen graph's constants."""
    return _some(_constants(_parsed(graph_pb2.GraphDef(), path)), path)


def _parsed(message, path):
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            message.ParseFromString(file.read())
    except (DecodeError, tf.errors.OpError):
        return None
    return message


def _constants(graph):
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes += function.node_def
    return {
        node.name: tf.make_ndarray(node.attr["value"].tensor)
        for node in nodes
        if node.op == "Const" and _WEIGHT.search(node.name)
    }


def _some(weights, path):
    if not weights:
        raise UserError(
            f"{printable(path)} holds no weights by the names of the old API or slim: "
            "name the checkpoint that it was exported from"
        )
    return weights
