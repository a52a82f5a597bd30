"""The operators of a LiteRT model, in the terms of `network_part`."""

from od_api.engines.litert_engine import EXTRA
from od_api.exporting import network_part
from od_api.exporting.network_part import Operator
from od_api.system.extras import needed

_KINDS = {
    "CONV_2D": network_part.CONVOLUTION,
    "DEPTHWISE_CONV_2D": network_part.CONVOLUTION,
    "TRANSPOSE_CONV": network_part.CONVOLUTION,
    "FULLY_CONNECTED": network_part.PRODUCT,
    # Loops are those of suppression.
    "WHILE": network_part.CHOICE,
    "TOPK_V2": network_part.CHOICE,
    "NON_MAX_SUPPRESSION_V4": network_part.CHOICE,
    "NON_MAX_SUPPRESSION_V5": network_part.CHOICE,
    "GATHER": network_part.PICK,
    "GATHER_ND": network_part.PICK,
    "SCATTER_ND": network_part.PICK,
}
_REAL = ("FLOAT32", "FLOAT16")
_ABSENT = -1  # an operator has no such input


def operators(content):
    """[Operator] of a flatbuffer, bytes, but not of the bodies of its loops.

    Their names are those of `scope_of`.
    """
    schema = needed("ai_edge_litert.schema_py_generated", EXTRA, "ai-edge-litert")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    kinds = _names(schema.BuiltinOperator)
    reals = {getattr(schema.TensorType, name) for name in _REAL}
    makers, found = {}, []
    for place, tensor in enumerate(graph.tensors):
        name = tensor.name.decode()
        is_input = place in graph.inputs
        kind = network_part.INPUT if is_input else network_part.CONSTANT
        makers[place] = Operator(f"tensor {place} {name}", kind)
    for operator in graph.operators:
        kind = kinds[model.operatorCodes[operator.opcodeIndex].builtinCode]
        read = [int(place) for place in operator.inputs if place != _ABSENT]
        made = Operator(
            scope_of(graph, operator),
            _KINDS.get(kind, network_part.OTHER),
            tuple(makers[place].name for place in read),
            tuple(graph.tensors[place].type in reals for place in read),
        )
        makers |= dict.fromkeys(map(int, operator.outputs), made)
        found.append(made)
    made_by = {operator.name for operator in found}
    return [o for o in makers.values() if o.name not in made_by] + found


def scope_of(graph, operator):
    """The names of the tensors that an operator of a graph makes, each with a semicolon
    behind it: what AI Edge Quantizer calls its scope."""
    return "".join(graph.tensors[i].name.decode() + ";" for i in operator.outputs)


def _names(enumeration):
    """{value: name} of a class of the schema."""
    return {v: k for k, v in vars(enumeration).items() if isinstance(v, int)}
