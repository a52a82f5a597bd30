"""A network for inference: constants for weights, batch norm in the convolutions.

With statistics frozen, batch norm multiplies each channel of a convolution by a
constant and adds another: y = (w * x) s + b = (s w) * x + b. TensorFlow leaves the two
steps in the graph, and fuses no batch norm at all with a depthwise convolution. Here
s goes into the kernel and b becomes a BiasAdd, which TensorFlow fuses with the
convolution and its activation.
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


class FrozenNetwork(tf.Module):
    """A function with constants for variables and batch norm folded.

    Called with the function's tensors positionally, it returns the same nest.

    Args:
      function: a ConcreteFunction that returns a dict (or nest) of tensors.
      weights: values of its last inputs, kernels as a rule. They stay out of the
        graph, which is copied many times on its way to a running model: they become
        variables, read once a call. Kernels in the graph run faster, since TensorFlow
        brings a constant into its own layout once and for all.

    Attributes:
      num_folded: how many batch norms (or scales) went into kernels.
    """

    def __init__(self, function, weights=()):
        super().__init__()
        frozen = convert_to_constants.convert_variables_to_constants_v2(
            function, lower_control_flow=False, aggressive_inlining=True
        )
        inputs = [t.name for t in frozen.inputs if t.dtype != tf.resource]
        outputs = [t.name for t in frozen.outputs]
        apart = len(inputs) - len(weights)
        inputs, names = inputs[:apart], map(_base, inputs[apart:])
        values = dict(zip(names, weights, strict=True))
        graph = _fold_constants(frozen)
        _skip_identities(graph)
        _drop_unused(graph, [*inputs, *outputs])
        graph, values, self.num_folded = fold(graph, values)
        needed = _drop_unused(graph, [*inputs, *outputs])
        _drop_gradients(graph)
        values = {name: value for name, value in values.items() if name in needed}
        self._weights = [tf.Variable(v, trainable=False) for v in values.values()]
        pruned = wrap_function.function_from_graph_def(
            graph, [*inputs, *(f"{name}:0" for name in values)], outputs
        )
        structure = function.structured_outputs

        # A closure: a function that is an attribute is saved a second time.
        def call(*tensors):
            outputs = pruned(*tensors, *map(tf.convert_to_tensor, self._weights))
            return tf.nest.pack_sequence_as(structure, list(outputs))

        self._call = call

    def __call__(self, *tensors):
        return self._call(*tensors)


def _drop_gradients(graph):
    """Forgets custom gradients: constants need none, and saving would look for them."""
    for nodes in (graph.node, *(f.node_def for f in graph.library.function)):
        for node in nodes:
            node.attr.pop("_gradient_op_type", None)


def fold(graph, weights):
    """Folds `convolution [-> bias] -> Mul(constant) -> AddV2(constant)` chains.

    Args:
      graph: GraphDef with constants for weights; not changed.
      weights: {placeholder's name: array} of the weights that are no constants.

    Returns:
      (GraphDef, weights, number of multiplications folded).
    """
    folded = graph_pb2.GraphDef()
    folded.CopyFrom(graph)
    editor = _Editor(folded, weights)
    count = sum(editor.fold_multiplication(node) for node in list(folded.node))
    for node in list(folded.node):
        editor.bias_from_addition(node)
    return folded, editor.weights, count


class _Editor:
    """Rewrites nodes of a GraphDef in place."""

    def __init__(self, graph, weights):
        self._graph = graph
        self.weights = dict(weights)
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
        """The value of a constant or weight, None of anything else."""
        node = self._nodes[_base(name)]
        if node.name in self.weights:
            return self.weights[node.name]
        if node.op != "Const":
            return None
        return tf.make_ndarray(node.attr["value"].tensor)

    def _channels(self, convolution):
        shape = self._constant(convolution.input[1]).shape
        return shape[2] * shape[3] if _is_depthwise(convolution) else shape[3]

    def _replace_input(self, node, index, value):
        """Points one input of a node to a new constant, or weight where it was one."""
        old = self._constant(node.input[index])
        value = np.ascontiguousarray(value, dtype=old.dtype)
        source = self._nodes[_base(node.input[index])]
        new = self._graph.node.add()
        new.name = f"{node.name}/folded_{index}"
        while new.name in self._nodes:
            new.name += "_"
        new.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
        if source.name in self.weights:
            new.op = "Placeholder"
            new.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
            self.weights[new.name] = value
        else:
            new.op = "Const"
            new.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
        self._nodes[new.name] = new
        self._users[new.name] = [node.name]
        node.input[index] = new.name

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


def _skip_identities(graph):
    """Every node reads what an Identity reads: one stands where a bias is 0."""
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        for i, name in enumerate(node.input):
            while name[0] != "^" and nodes[_base(name)].op == "Identity":
                name = nodes[_base(name)].input[0]
            node.input[i] = name


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
    """Removes what no tensor depends on, the kernels of before; names of the rest."""
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
    return needed


def _is_depthwise(node):
    return node.op == "DepthwiseConv2dNative"


def _base(name):
    """`^node:0` -> `node`."""
    return name.lstrip("^").split(":")[0]
