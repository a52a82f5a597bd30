"""Multiply-adds and parameters of an exported model, from its frozen graph.

The counting rule: TensorFlow's profiler counts floating-point operations of the frozen
graph, and of these we take the layers with weights, that is convolutions, depthwise
convolutions and matrix products of which one side is constant. There it counts two
operations for each multiply-add, so that multiply-adds are half of them. Not counted,
as in the study's numbers, are biases, activations, pooling, resizing and cropping,
box decoding and non-maximum suppression.

Shapes that are only known at run time (the number of proposals among them) come from
a run with one image: a second stage counts once for each proposal.
"""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from od_api.core.errors import UserError

_LAYERS = (
    "Conv2D",
    "Conv3D",
    "DepthwiseConv2dNative",
    "Conv2DBackpropInput",
    "MatMul",
    "BatchMatMul",
    "BatchMatMulV2",
    "BatchMatMulV3",
)
# Which inputs of other operations hold parameters.
_VECTORS = {"BiasAdd": (1,), "FusedBatchNormV3": (1, 2, 3, 4)}
_ELEMENTWISE = ("Add", "AddV2", "Sub", "Mul")
_THROUGH = ("Identity", "Cast", "ReadVariableOp", "Reshape")
# Loops stay loops: in pieces, their layers would look like others.
_KEEP_LOOPS = {"lower_control_flow": False, "aggressive_inlining": False}


def frozen(signature):
    """A signature with its variables as constants and its calls inlined."""
    return convert_to_constants.convert_variables_to_constants_v2(
        signature, **_KEEP_LOOPS
    )


def inlined(signature):
    """GraphDef of a signature with its calls inlined; variables are inputs as before.

    Constants of hundreds of megabytes would be copied many times before the first run.
    """
    return convert_to_constants._run_inline_graph_optimization(signature, **_KEEP_LOOPS)


def multiply_adds(function, image):
    """Multiply-adds of one image.

    Args:
      function: of `frozen`, whose only input is uint8 [1, h, w, 3], or any shape.
      image: array for that input.

    Returns:
      {"multiply_adds", "by_operation": {type: multiply-adds}}.

    Raises:
      UserError: a layer stands inside a loop or a condition, where it is not counted.
    """
    _refuse_hidden_layers(function.graph.as_graph_def())
    graph = _with_shapes_of_a_run(function, image)
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    options = options(options.float_operation()).with_empty_output().build()
    profile = tf.compat.v1.profiler.profile(graph, cmd="scope", options=options)
    operations, by_operation = dict(_float_operations(profile)), {}
    for layer in _weighted_layers(graph):
        count = by_operation.get(layer.type, 0)
        by_operation[layer.type] = count + operations.get(layer.name, 0) // 2
    total = sum(by_operation.values())
    return {"multiply_adds": total, "by_operation": by_operation}


def parameters(function):
    """Numbers in the constants that layers, biases and batch norms use.

    Of an export of od_api batch norm is folded: each channel has its kernel and one
    bias.

    Args:
      function: of `frozen`.
    """
    constants = {}
    for operation in function.graph.get_operations():
        for tensor in _parameter_inputs(operation):
            source = _constant_behind(tensor)
            if source is not None:
                constants[source.name] = int(np.prod(source.outputs[0].shape))
    return sum(constants.values())


def _float_operations(node):
    """Yields (name, floating-point operations) of every node of a profile."""
    yield node.name, node.float_ops
    for child in node.children:
        yield from _float_operations(child)


def _refuse_hidden_layers(definition):
    for function in definition.library.function:
        for node in function.node_def:
            if node.op in _LAYERS and not node.op.startswith("BatchMatMul"):
                raise UserError(
                    f"{node.name} ({node.op}) stands inside {function.signature.name}, "
                    "a loop or a condition, whose operations cannot be counted"
                )


def _parameter_inputs(operation):
    if operation.type in _LAYERS:
        return operation.inputs
    if operation.type in _VECTORS:
        return [operation.inputs[i] for i in _VECTORS[operation.type]]
    if operation.type in _ELEMENTWISE:
        # A folded batch norm's offset, or one that is not folded; anchors are no
        # vectors, and constants of arithmetic have one element.
        return [t for t in operation.inputs if t.shape.rank == 1 and _is_large(t)]
    return []


def _is_large(tensor):
    return (tensor.shape.num_elements() or 0) > 4 and tensor.dtype.is_floating


def _constant_behind(tensor):
    """The Const that a tensor comes from, or None."""
    while tensor.op.type in _THROUGH:
        tensor = tensor.op.inputs[0]
    return tensor.op if tensor.op.type == "Const" else None


def _weighted_layers(graph):
    return [
        op
        for op in graph.get_operations()
        if op.type in _LAYERS
        and any(_constant_behind(tensor) is not None for tensor in op.inputs)
    ]


def _with_shapes_of_a_run(function, image):
    """The graph of a function, in which its layers' tensors have the shapes of a run.

    The profiler knows those of a traced run, too, but not of nodes that the runtime has
    merged with others or renamed.
    """
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(function.graph.as_graph_def(), name="")
        layers = _weighted_layers(graph)
        tensors = [t for op in layers for t in (*op.inputs, *op.outputs)]
        unknown = [t for t in tensors if not t.shape.is_fully_defined()]
        shapes = [tf.shape(tensor) for tensor in unknown]
    with tf.compat.v1.Session(graph=graph) as session:
        values = session.run(shapes, {function.inputs[0].name: image})
    for tensor, shape in zip(unknown, values, strict=True):
        tensor.set_shape(shape)
    return graph
