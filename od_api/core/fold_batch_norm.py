"""Folds batch norm into the convolutions before it, for inference.

With statistics frozen, batch norm multiplies each channel of a convolution by a
constant and adds another: y = (w * x) s + b = (s w) * x + b. TensorFlow leaves the two
steps in the graph, and fuses no batch norm at all with a depthwise convolution. Here
the variables become constants, s goes into the kernel and b becomes a BiasAdd, which
TensorFlow fuses with the convolution and its activation.
"""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.eager import wrap_function
from tensorflow.python.framework import convert_to_constants
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training import saver as tf_saver

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


def freeze_and_fold(function):
    """A function with constants for variables and batch norm folded.

    Args:
      function: a ConcreteFunction that returns a dict (or nest) of tensors.

    Returns:
      (callable, count): takes the same tensors positionally and returns the same
      nest; `count` is how many batch norms (or scales) went into kernels.
    """
    frozen = convert_to_constants.convert_variables_to_constants_v2(
        function, lower_control_flow=False, aggressive_inlining=True
    )
    graph = _fold_constants(frozen)
    graph, count = fold(graph)
    inputs = [t.name for t in frozen.inputs if t.dtype != tf.resource]
    outputs = [t.name for t in frozen.outputs]
    _drop_unused(graph, [*inputs, *outputs])
    _drop_gradients(graph)
    pruned = wrap_function.function_from_graph_def(graph, inputs, outputs)
    structure = function.structured_outputs

    def call(*tensors):
        return tf.nest.pack_sequence_as(structure, list(pruned(*tensors)))

    return call, count


def _drop_gradients(graph):
    """Forgets custom gradients: constants need none, and saving would look for them."""
    for nodes in (graph.node, *(f.node_def for f in graph.library.function)):
        for node in nodes:
            node.attr.pop("_gradient_op_type", None)


def fold(graph):
    """Folds `convolution [-> bias] -> Mul(constant) -> AddV2(constant)` chains.

    Args:
      graph: GraphDef with constants for weights; not changed.

    Returns:
      (GraphDef, number of multiplications folded).
    """
    folded = graph_pb2.GraphDef()
    folded.CopyFrom(graph)
    editor = _Editor(folded)
    count = sum(editor.fold_multiplication(node) for node in list(folded.node))
    for node in list(folded.node):
        editor.bias_from_addition(node)
    return folded, count


class _Editor:
    """Rewrites nodes of a GraphDef in place."""

    def __init__(self, graph):
        self._graph = graph
        self._nodes = {node.name: node for node in graph.node}
        self._users = {}
        for node in graph.node:
            for name in node.input:
                self._users.setdefault(_base(name), []).append(node.name)

    def fold_multiplication(self, node):
        """Moves a Mul by a per-channel constant into the convolution; 1 if done."""
        if node.op != "Mul":
            return 0
        source, factor = self._split(node)
        if factor is None:
            return 0
        chain = self._chain_to_convolution(source)
        if chain is None or factor.size not in (1, self._channels(chain[-1])):
            return 0
        convolution = chain[-1]
        kernel = self._constant(convolution.input[1])
        scale = np.broadcast_to(factor.ravel(), [self._channels(convolution)])
        # Depthwise kernels are [h, w, in, multiplier]: outputs are in * multiplier.
        shape = kernel.shape[2:] if _is_depthwise(convolution) else (-1,)
        self._replace_input(convolution, 1, kernel * scale.reshape(shape))
        for addition in chain[:-1]:
            _, bias = self._split(addition)
            index = self._constant_index(addition)
            self._replace_input(addition, index, bias.ravel() * scale)
        self._bypass(node, source)
        return 1

    def bias_from_addition(self, node):
        """Turns `AddV2(convolution, per-channel constant)` into a BiasAdd."""
        if node.op not in ("AddV2", "Add"):
            return
        source, bias = self._split(node)
        if bias is None or self._chain_to_convolution(source) is None:
            return
        convolution = self._nodes[_base(source)]
        if convolution.op not in _CONVOLUTIONS:
            return
        channels = self._channels(convolution)
        if bias.size not in (1, channels):
            return
        flat = np.broadcast_to(bias.ravel(), [channels])
        self._replace_input(node, self._constant_index(node), flat)
        if self._constant_index(node) == 0:
            first, second = node.input
            node.input[:] = [second, first]
        node.op = "BiasAdd"
        node.attr["data_format"].s = b"NHWC"

    def _chain_to_convolution(self, name):
        """[bias additions..., convolution] upstream of `name`, each used only there."""
        chain = []
        while True:
            node = self._nodes.get(_base(name))
            if node is None or len(self._users.get(node.name, [])) != 1:
                return None
            chain.append(node)
            if node.op in _CONVOLUTIONS:
                is_known = self._constant(node.input[1]) is not None
                return chain if is_known else None
            if node.op not in ("BiasAdd", "AddV2", "Add"):
                return None
            name, constant = self._split(node)
            if constant is None:
                return None

    def _split(self, node):
        """(name of the computed input, value of the constant one or None)."""
        index = self._constant_index(node)
        if index is None:
            return None, None
        return node.input[1 - index], self._constant(node.input[index])

    def _constant_index(self, node):
        if len(node.input) != 2:
            return None
        constant = [self._constant(name) is not None for name in node.input]
        return constant.index(True) if sum(constant) == 1 else None

    def _constant(self, name):
        node = self._nodes.get(_base(name))
        while node is not None and node.op == "Identity":
            node = self._nodes.get(_base(node.input[0]))
        if node is None or node.op != "Const":
            return None
        return tf.make_ndarray(node.attr["value"].tensor)

    def _channels(self, convolution):
        shape = self._constant(convolution.input[1]).shape
        return shape[2] * shape[3] if _is_depthwise(convolution) else shape[3]

    def _replace_input(self, node, index, value):
        """Points one input of a node to a new constant."""
        constant = self._graph.node.add()
        constant.name = f"{node.name}/folded_{index}"
        while constant.name in self._nodes:
            constant.name += "_"
        old = self._constant(node.input[index])
        value = np.ascontiguousarray(value, dtype=old.dtype)
        constant.op = "Const"
        constant.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        self._nodes[constant.name] = constant
        self._users[constant.name] = [node.name]
        node.input[index] = constant.name

    def _bypass(self, node, source):
        """Makes every user of `node` read `source` instead."""
        for user in self._users.pop(node.name, []):
            inputs = self._nodes[user].input
            for i, name in enumerate(inputs):
                if _base(name) == node.name:
                    inputs[i] = source
            self._users[_base(source)] = [
                u for u in self._users[_base(source)] if u != node.name
            ] + [user]
        node.op = "NoOp"
        node.ClearField("attr")
        del node.input[:]


def _fold_constants(frozen):
    """The function's GraphDef after TensorFlow's own constant folding."""
    graph = frozen.graph
    definition = graph.as_graph_def()
    meta_graph = tf_saver.export_meta_graph(graph_def=definition, graph=graph)
    fetches = meta_graph_pb2.CollectionDef()
    fetches.node_list.value.extend(t.name for t in [*frozen.inputs, *frozen.outputs])
    meta_graph.collection_def["train_op"].CopyFrom(fetches)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.optimizers.append("constfold")
    rewrite.min_graph_nodes = -1
    optimized = tf_optimizer.OptimizeGraph(config, meta_graph)
    # Bodies of loops are rewritten under their old names, which are taken by now.
    optimized.library.CopyFrom(definition.library)
    return optimized


def _drop_unused(graph, tensors):
    """Removes what no tensor depends on: above all the kernels of before."""
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        # Constant folding orders new constants after old ones; there is no need to.
        kept = [i for i in node.input if i[0] != "^" or nodes[i[1:]].op != "Const"]
        node.input[:] = kept
    waiting, needed = [_base(t) for t in tensors], set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [_base(i) for i in nodes[name].input]
    kept = [node for node in graph.node if node.name in needed]
    del graph.node[:]
    graph.node.extend(kept)


def _is_depthwise(node):
    return node.op == "DepthwiseConv2dNative"


def _base(name):
    """`^node:0` -> `node`."""
    return name.lstrip("^").split(":")[0]
