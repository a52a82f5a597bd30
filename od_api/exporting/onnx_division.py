"""TensorFlow's division of whole numbers, which rounds down, in ONNX.

tf2onnx makes ONNX's Div of it, which rounds towards zero: -(-112 // 32), the rounded up
quotient, would be 3.
"""

from od_api.exporting.onnx_nodes import INT32, INT64, OnnxNodes

_WHOLE = (INT32, INT64)


def floor_div(graph, node, _name, _args):
    """A handler of tf2onnx: puts (a - a mod b) / b in the place of a // b."""
    over, under = node.input
    nodes = OnnxNodes(graph)
    if graph.get_dtype(over) not in _WHOLE:
        _replace(graph, node, "Floor", nodes("Div", over, under))
        return
    rest = nodes("Mod", over, under)
    _replace(graph, node, "Div", nodes("Sub", over, rest), under)


def floor_mod(graph, node, _name, _args):
    """A handler of tf2onnx: of whole numbers the rest is ONNX's Mod, with b's sign."""
    over, under = node.input
    if graph.get_dtype(over) in _WHOLE:
        _replace(graph, node, "Mod", over, under)
        return
    nodes = OnnxNodes(graph)
    whole = nodes("Mul", nodes("Floor", nodes("Div", over, under)), under)
    _replace(graph, node, "Sub", over, whole)


def _replace(graph, node, kind, *inputs):
    outputs, shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node(kind, list(inputs), outputs=outputs, shapes=shapes, dtypes=dtypes)
