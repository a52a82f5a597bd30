"""Kernels of a LiteRT model in float16, and nothing else.

TensorFlow's converter rounds every constant, anchors included, of which float16 knows
those from 256 px on to a quarter. Runtimes bring the kernels back to float32, or
compute with them as they are.
"""

import numpy as np

from od_api.engines.litert_engine import EXTRA
from od_api.exporting.litert_operators import operators, scope_of
from od_api.exporting.network_part import NetworkPart
from od_api.system.extras import needed

_KERNEL = 1  # among the inputs of every operator with weights
_VERSION = 3  # of the operator that brings float16 back
_MAGIC = b"TFL3"


def with_half_weights(content):
    """A flatbuffer, bytes, whose operators with weights have kernels of float16.

    Args:
      content: the flatbuffer of a float32 model, bytes.
    """
    schema = _needed("schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    code = len(model.operatorCodes)
    model.operatorCodes.append(_code_of_casts(schema))
    weighted = NetworkPart(operators(content)).weighted
    casts = [
        _halved(schema, model, place, code)
        for place in _kernels(graph, weighted)
        if _is_constant(schema, model, graph.tensors[place])
    ]
    graph.operators = [*casts, *graph.operators]
    _forget_unused(model)
    tools = _needed("tools.flatbuffer_utils")
    return bytes(tools.convert_object_to_bytearray(model))


def _kernels(graph, weighted):
    """Places of the tensors that operators with weights have as kernels, and no other
    operator reads."""
    kernels, others = set(), set()
    for operator in graph.operators:
        has_weights = scope_of(graph, operator) in weighted
        for i, place in enumerate(operator.inputs):
            (kernels if has_weights and i == _KERNEL else others).add(int(place))
    return sorted(kernels - others)


def _is_constant(schema, model, tensor):
    data = model.buffers[tensor.buffer].data
    is_real = tensor.type == schema.TensorType.FLOAT32
    return is_real and data is not None and len(data) > 0


def _code_of_casts(schema):
    kind = schema.BuiltinOperator.DEQUANTIZE
    made = schema.OperatorCodeT()
    made.builtinCode, made.deprecatedBuiltinCode, made.version = kind, kind, _VERSION
    return made


def _halved(schema, model, place, code):
    """The operator that makes a constant of its rounded values, which are added."""
    graph = model.subgraphs[0]
    tensor, rounded, buffer = (
        graph.tensors[place],
        schema.TensorT(),
        schema.BufferT(),
    )
    values = np.frombuffer(model.buffers[tensor.buffer].data, np.float32)
    buffer.data = np.frombuffer(values.astype(np.float16).tobytes(), np.uint8)
    rounded.name, rounded.shape = tensor.name + b"/float16", tensor.shape
    rounded.type, rounded.buffer = schema.TensorType.FLOAT16, len(model.buffers)
    model.buffers.append(buffer)
    tensor.buffer = 0  # of no values, by the format's rule
    graph.tensors.append(rounded)
    cast = schema.OperatorT()
    cast.opcodeIndex = code
    cast.inputs, cast.outputs = [len(graph.tensors) - 1], [place]
    cast.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    cast.builtinOptions = schema.DequantizeOptionsT()
    return cast


def _forget_unused(model):
    """Drops the values that no tensor has any more."""
    used = {t.buffer for graph in model.subgraphs for t in graph.tensors}
    used |= {m.buffer for m in model.metadata or ()}
    for place, buffer in enumerate(model.buffers):
        if place not in used:
            buffer.data = None


def _needed(name):
    return needed(f"ai_edge_litert.{name}", EXTRA, "ai-edge-litert")
